"""The fused model behind the seam, on a tiny random model: calls, budgets, waves, and what is honestly said of figures."""

from __future__ import annotations

from typing import Any

import pytest

from mmsum.config import Config, load_config
from mmsum.errors import FailureKind
from mmsum.generation.descriptions import in_names, resolved
from mmsum.generation.engine import Completion, Request
from mmsum.generation.fused import FusedSummarizer, _whole_sentences
from mmsum.generation.summarizer import build_summarizer
from mmsum.records import Document, Figure, ObjectRef, Section
from tests.tiny import png, tiny_model


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    model = tiny_model(tmp_path_factory.mktemp("tiny"))
    return load_config(
        model=model.model_dump(),
        generation={"context_tokens": 800, "summary_tokens": 16, "batch_size": 4},
    )


@pytest.fixture(scope="module")
def summarizer(config: Config) -> FusedSummarizer:
    built = build_summarizer(config)
    assert isinstance(built, FusedSummarizer)
    return built


def document(name: str, sections: int = 1, figures: int = 0, words: int = 20) -> Document:
    body = [Section(f"Part {n}", " ".join(f"{name}{n}w{k}" for k in range(words)), n + 1) for n in range(sections)]
    pictures = [
        Figure(
            f"Figure {n + 1}", 1, (0, 0, 9, 9), f"Caption {n}", "chart", 120, 80, section=n % sections, image=png(color)
        )
        for n, color in zip(range(figures), ("red", "blue", "green"), strict=False)
    ]
    return Document(
        ref=ObjectRef(f"/{name}", 1, ""),
        title=name,
        pages_total=sections,
        pages_read=sections,
        sections=body,
        figures=pictures,
    )


def test_one_draft_per_document_in_order(summarizer: FusedSummarizer) -> None:
    documents = [document("a"), document("b", figures=2), document("c")]
    drafts = summarizer.summarize(documents)
    assert all(draft.text and draft.failure_kind is None for draft in drafts)
    assert [draft.text for draft in drafts] == [draft.text for draft in summarizer.summarize(documents)]
    assert all(draft.tokens_read == draft.tokens_total > 0 for draft in drafts)
    assert all(draft.prompt_tokens > 0 and draft.output_tokens > 0 and draft.seconds > 0 for draft in drafts)


def test_untrained_fusion_shows_nothing_and_changes_nothing(summarizer: FusedSummarizer) -> None:
    seeing = document("a", figures=2)
    blind = document("a", figures=2)
    for figure in blind.figures:
        figure.image = b""
    with_figures, without = summarizer.summarize([seeing])[0], summarizer.summarize([blind])[0]
    assert with_figures.text == without.text
    assert with_figures.shown == frozenset()


def test_what_is_written_of_a_text_has_its_least_length(config: Config, summarizer: FusedSummarizer) -> None:
    asked = config.generation.model_copy(update={"least_tokens": 16})
    longer = FusedSummarizer(summarizer.model, config.model_copy(update={"generation": asked}), "longer")
    least = [
        [one._request("Of b.", None, describes).min_new_tokens for describes in (False, True)]
        for one in (summarizer, longer)
    ]
    assert least == [[1, 0], [16, 0]]  # of a figure there may be nothing to say
    (text,) = longer.summarize([document("a")])
    assert text.output_tokens == 16


def load_trained(config: Config) -> FusedSummarizer:
    """As if it had been trained: open gates, loud enough to be heard over a random backbone."""
    from mmsum.model.torchstack import torch

    trained = FusedSummarizer.load(config)
    with torch.no_grad():
        for block in trained.model.fusion.blocks:
            for name, parameter in block.named_parameters():
                if "gate" in name:
                    parameter.fill_(1.0)
                elif name in ("output.weight", "down.weight"):
                    parameter.mul_(100)
    trained.model.trained = True
    return trained


def test_figures_are_described_by_themselves_first(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"describe_figures": True, "silence_above": 0.5, "context_tokens": 1000}
    config = config.model_copy(update={"generation": config.generation.model_copy(update=changes)})
    trained = load_trained(config)
    waves: list[list[tuple[str, int]]] = []
    said: list[list[str]] = []
    silence: list[set[float]] = []
    copies: list[list[list[tuple[str, ...]]]] = []
    generate, decode = trained.engine.generate, trained.chat.tokenizer.decode

    def watched(requests: list[Request]) -> list[Completion]:
        prompts = [decode(request.prompt) for request in requests]
        shown = [0 if request.figures is None else len(request.figures) for request in requests]
        copies.append([[tuple(map(decode, pair)) for pair in request.copies] for request in requests])
        waves.append(list(zip(prompts, shown, strict=True)))
        silence.append({request.empty_above for request in requests})
        completions = generate(requests)
        said.append([completion.text for completion in completions])
        return completions

    monkeypatch.setattr(trained.engine, "generate", watched)
    seeing, blind = document("a", figures=3, words=4), document("b", figures=1)
    seeing.figures[1].image = b"no picture"
    blind.figures[0].image = b""
    seeing.sections[0].text += "\n\nFigure 1 has rows. From the top: (1) oak, (2) elm."
    captions = [figure.caption for figure in seeing.figures]
    drafts = trained.summarize([seeing, blind])
    described, read = waves
    pairs = [("(1)", " oak"), (" (1)", " oak"), ("(2)", " elm"), (" (2)", " elm")]
    assert copies == [[pairs, []], [[], []]]  # names that a key calls for are copied
    assert silence == [{0.5}, {0.0}]  # of a figure there may be nothing to say
    assert [shown for _, shown in described] == [1, 1]
    assert [shown for _, shown in read] == [0, 0]  # what was seen stands in the text
    lines = ["[Figure 1: Caption 0 From the top: (1) oak, (2) elm.]", "[Figure 3: Caption 2]"]
    assert all(line in prompt for (prompt, _), line in zip(described, lines, strict=True))
    assert all("Part 0" not in prompt for prompt, _ in described)  # the document's text is not in it
    (text, _), (other, _) = read
    for place, words in zip((0, 2), said[0], strict=True):
        figure = seeing.figures[place]
        told = " ".join(in_names(figure, resolved(figure, words)).split())  # as the summary is to have it
        assert f"(Figure {place + 1})" in told
        assert f"[Figure {place + 1}: Caption {place} {told}]" in " ".join(text.split())
    assert "[Figure 2: Caption 1]" in text and "[Figure 1: Caption 0]" in other  # there was nothing to look at
    assert drafts[0].shown == {0, 2} and drafts[1].shown == frozenset()
    assert [figure.caption for figure in seeing.figures] == captions  # the row keeps the document's own
    assert drafts[0].output_tokens > drafts[1].output_tokens


@pytest.mark.parametrize("describe", [False, True])
def test_the_text_inside_a_figure_is_read(config: Config, monkeypatch: pytest.MonkeyPatch, describe: bool) -> None:
    changes = {"describe_figures": describe, "figure_text_tokens": 30, "context_tokens": 1000}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=changes)}))
    prompts: list[str] = []
    generate, decode = trained.engine.generate, trained.chat.tokenizer.decode

    def watched(requests: list[Request]) -> list[Completion]:
        prompts.extend(decode(request.prompt) for request in requests)
        return generate(requests)

    monkeypatch.setattr(trained.engine, "generate", watched)
    given = document("a", figures=1)
    given.figures[0].text = "0 50 Market Station"
    trained.summarize([given])
    assert len(prompts) == 1 + describe
    assert all("]\n0 50 Market Station\n" in prompt for prompt in prompts)


def test_the_summary_tells_what_was_seen(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"describe_figures": True, "summary_tokens": 96, "figures_per_call": 1}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=told)}))
    rose, fell = "It rose (Figure 1).", "It fell (Figure 2). The band is narrow."
    waves = iter([[rose, fell, rose], ["All is well. It fell (Figure 1). The band is narrow.", "Of b.", ""]])
    monkeypatch.setattr(trained, "_generate", lambda works, requests: next(waves))
    drafts = trained.summarize([document("a", figures=2), document("b"), document("c", figures=1)])
    fell = "It fell (Figure 2). The band is narrow (Figure 2)."  # each sentence names its figure, and none stands twice
    assert [draft.text for draft in drafts] == [f"All is well. {rose} {fell}", "Of b.", ""]
    assert drafts[0].shown == {0, 1}  # one call reads one figure, but the other is told of, too
    assert drafts[2].failure_kind == FailureKind.GENERATION_FAILED  # a description is no summary


@pytest.mark.parametrize("describe", [True, False])
def test_a_key_is_not_repeated_to_the_reader(config: Config, monkeypatch: pytest.MonkeyPatch, describe: bool) -> None:
    asked = {"describe_figures": describe, "summary_tokens": 64}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=asked)}))
    told = "In Figure 1 (1) oak = 1 rose. (4) = 4 fell."
    waves = iter([[told], ["Of a."]] if describe else [[told]])
    monkeypatch.setattr(trained, "_generate", lambda works, requests: next(waves))
    one = document("a", figures=1)
    one.figures[0].caption = "Figure 1: From the top: (1) oak, (2) elm."
    (draft,) = trained.summarize([one])
    assert draft.text == ("Of a. In Figure 1 oak rose." if describe else "In Figure 1 (1) oak rose. (4) = 4 fell.")


def test_a_figure_of_which_nothing_is_said_is_not_told_of(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"describe_figures": True, "summary_tokens": 64}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=asked)}))
    waves = iter([["", "", "It rose (Figure 1).", ""], ["Of a.", "Of b."]])
    shown: list[list[int]] = []

    def write(works: Any, requests: list[Request]) -> list[str]:
        shown.append([0 if request.figures is None else len(request.figures) for request in requests])
        return next(waves)

    monkeypatch.setattr(trained, "_generate", write)
    drafts = trained.summarize([document("a", figures=2), document("b", figures=2)])
    assert shown == [[1, 1, 1, 1], [0, 0]]
    assert [draft.text for draft in drafts] == ["Of a.", "Of b. It rose (Figure 1)."]
    assert all(draft.shown == {0, 1} for draft in drafts)  # it was asked about all of them


def test_only_what_trained_adapters_write_may_repeat_itself(
    config: Config, summarizer: FusedSummarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    penalties: list[list[float]] = []
    trained = load_trained(config)
    asked = config.model_copy(update={"generation": config.generation.model_copy(update={"describe_figures": True})})
    describing = load_trained(asked)
    for one in (summarizer, trained, describing):
        generate = one.engine.generate

        def watched(requests: list[Request], generate: Any = generate) -> list[Completion]:
            penalties.append([request.repetition_penalty for request in requests])
            return generate(requests)

        monkeypatch.setattr(one.engine, "generate", watched)
        one.summarize([document("a", figures=1), document("b")])
    set_to = config.generation.repetition_penalty
    assert set_to > 1 and penalties == [[set_to, set_to], [1.0, set_to], [1.0], [set_to, set_to]]


@pytest.mark.parametrize("asked", [True, False])
def test_numbers_that_stand_in_no_document_are_left_out(
    config: Config, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    told = {"known_numbers": asked, "describe_figures": True, "summary_tokens": 96}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=told)}))
    waves = iter([["It rose by 77 (Figure 1)."], ["It took 363 days. It took 2,500 weeks. It has 44 parts of 19."]])
    monkeypatch.setattr(trained, "_generate", lambda works, requests: next(waves))
    one = document("The 44", figures=1)
    one.sections[0].text += " In all, 363 days went by."
    one.figures[0].caption = "Figure 1: Days of 19 farms."
    (draft,) = trained.summarize([one])
    made_up = "" if asked else " It took 2,500 weeks."
    assert draft.text == f"It took 363 days.{made_up} It has 44 parts of 19. It rose by 77 (Figure 1)."


@pytest.mark.parametrize(("asked", "language"), [(True, "en"), (True, "de"), (False, "en")])
def test_names_that_stand_in_no_document_are_left_out(
    config: Config, monkeypatch: pytest.MonkeyPatch, asked: bool, language: str
) -> None:
    told = {"known_names": asked, "known_numbers": True, "describe_figures": True, "summary_tokens": 130}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=told)}))
    made_up = "In 2019 it was bought by Anna Berg of Little Rowley."
    waves = iter([["Oak Hill rose (Figure 1)."], [f"{made_up} It opened in 2019."]])
    monkeypatch.setattr(trained, "_generate", lambda works, requests: next(waves))
    one = document("The farm", figures=1)
    one.language = language
    one.sections[0].text += " It opened in 2019. It has been measured since 2019."
    (draft,) = trained.summarize([one])
    kept = "" if asked and language == "en" else f"{made_up} "
    assert draft.text == f"{kept}It opened in 2019. Oak Hill rose (Figure 1)."


def test_a_legend_is_no_statement(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"describe_figures": True, "summary_tokens": 96}
    trained = load_trained(config.model_copy(update={"generation": config.generation.model_copy(update=told)}))
    waves = iter([["(2) elm rose."], ["It is a wood. Trees from the left: (1) oak, elm. It grew."]])
    monkeypatch.setattr(trained, "_generate", lambda works, requests: next(waves))
    one = document("a", figures=1)
    one.sections[0].text += "\n\nThe chart is Figure 1. Trees from the left: (1) oak, (2) elm."  # no caption lists them
    (draft,) = trained.summarize([one])
    assert draft.text == "It is a wood. It grew. Elm rose (Figure 1)."


def test_an_untrained_model_describes_nothing(config: Config, summarizer: FusedSummarizer) -> None:
    asked = config.model_copy(update={"generation": config.generation.model_copy(update={"describe_figures": True})})
    documents = [document("a", figures=2)]
    assert FusedSummarizer.load(asked).summarize(documents)[0].text == summarizer.summarize(documents)[0].text


def test_trained_fusion_marks_what_it_saw(config: Config) -> None:
    trained = load_trained(config)
    seeing = document("a", figures=3)
    seeing.figures[1].image = b"no picture"
    draft = trained.summarize([seeing])[0]
    assert draft.shown == {0, 2}
    assert draft.text != FusedSummarizer.load(config).summarize([seeing])[0].text


def test_long_documents_are_split_and_merged(summarizer: FusedSummarizer) -> None:
    long, short = document("long", sections=6, words=60), document("short")
    draft, other = summarizer.summarize([long, short])
    assert draft.text
    assert draft.failure_kind is None
    assert draft.tokens_read == draft.tokens_total > summarizer.budget
    assert draft.output_tokens > 16  # more than one call wrote
    assert other.text


def test_the_budget_of_calls_gives_a_partial_that_says_so(config: Config) -> None:
    limited = FusedSummarizer.load(config.model_copy(update={"limits": config.limits.model_copy(update={"calls": 2})}))
    draft = limited.summarize([document("long", sections=8, words=60)])[0]
    assert draft.failure_kind is FailureKind.TOO_LARGE
    assert "limits.calls=2" in draft.failure_message
    assert 0 < draft.tokens_read < draft.tokens_total
    assert draft.pages_read is not None
    assert 0 < draft.pages_read < 8


@pytest.mark.parametrize("describe", [False, True])
def test_no_call_is_longer_than_the_context(config: Config, monkeypatch: pytest.MonkeyPatch, describe: bool) -> None:
    changes = {"describe_figures": describe}
    config = config.model_copy(update={"generation": config.generation.model_copy(update=changes)})
    summarizer = load_trained(config)
    seen: list[int] = []
    generate = summarizer.engine.generate

    def watching(requests):  # type: ignore[no-untyped-def]
        seen.extend(len(request.prompt) + request.max_new_tokens for request in requests)
        return generate(requests)

    monkeypatch.setattr(summarizer.engine, "generate", watching)
    odd = document("x" * 500, sections=7, words=90, figures=3)
    odd.sections[2].text = "ß" * 3000
    odd.figures[1].caption = "Figure 2: " + "a caption that does not end " * 200
    summarizer.summarize([odd])
    assert len(seen) > 3
    assert max(seen) <= 800


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Loans rose over the year. They fell in May.", "Loans rose over the year. They fell in May."),
        ("Loans rose over the year. They fell in", "Loans rose over the year."),
        ("Loans. They fell in May and went on from there", "Loans. They fell in May and went on from there"),
    ],
)
def test_a_text_that_ran_into_its_limit_ends_with_a_sentence(written: str, kept: str) -> None:
    assert _whole_sentences(Completion([1], written, 1, finished=False)) == kept


def test_nothing_to_read_is_a_named_failure(summarizer: FusedSummarizer) -> None:
    draft = summarizer.summarize([Document(ref=ObjectRef("/e", 1, ""))])[0]
    assert (draft.text, draft.failure_kind) == ("", FailureKind.EMPTY)
    assert summarizer.summarize([]) == []


def test_the_name_follows_the_weights(config: Config, summarizer: FusedSummarizer) -> None:
    assert summarizer.name == FusedSummarizer.load(config).name
    assert summarizer.name != FusedSummarizer.load(config.model_copy(update={"seed": 3})).name
