"""The lead-k baseline."""

from mmsum.errors import FailureKind
from mmsum.generation.lead import LeadSummarizer
from mmsum.records import Document, Figure, ObjectRef, Section


def document(*texts: str, captions: tuple[str, ...] = ()) -> Document:
    figures = [Figure("", 1, (0, 0, 1, 1), caption, "chart", 1, 1) for caption in captions]
    return Document(ref=ObjectRef("/x", 1, ""), sections=[Section("H", t, 1) for t in texts], figures=figures)


def test_first_k_sentences_across_sections() -> None:
    draft = LeadSummarizer(3).summarize([document("One a. Two b.", "Three c. Four d.")])[0]
    assert draft.text == "One a. Two b. Three c."
    assert (draft.tokens_total, draft.tokens_read) == (8, 6)


def test_captions_stand_in_for_missing_text() -> None:
    assert LeadSummarizer(1).summarize([document(captions=("A map. With rivers.",))])[0].text == "A map."


def test_nothing_to_say_is_a_named_failure() -> None:
    assert LeadSummarizer(1).summarize([document()])[0].failure_kind is FailureKind.EMPTY
