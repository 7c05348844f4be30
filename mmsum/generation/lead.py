"""The lead-k baseline: the first k sentences of the body. No model, no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from mmsum.claims import sentences
from mmsum.errors import FailureKind
from mmsum.generation.summarizer import Draft
from mmsum.records import Document


class LeadSummarizer:
    """Keeps the first `k` sentences; a document without body text gives its captions."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.name = f"lead-{k}"

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        return [self._summarize(document) for document in documents]

    def _summarize(self, document: Document) -> Draft:
        started = time.perf_counter()
        paragraphs = [section.text for section in document.sections if section.text]
        paragraphs = paragraphs or [figure.caption for figure in document.figures if figure.caption]
        every = (sentence for paragraph in paragraphs for sentence in sentences(" ".join(paragraph.split())))
        kept = list(islice(every, self.k))
        text = " ".join(kept)
        draft = Draft(text=text, tokens_total=sum(len(p.split()) for p in paragraphs), tokens_read=len(text.split()))
        draft.output_tokens = draft.tokens_read
        if not text:
            draft.failure_kind = FailureKind.EMPTY
            draft.failure_message = "no text to take sentences from"
        draft.seconds = time.perf_counter() - started
        return draft
