"""The lead-k baseline: the first k sentences of the body. No model, no torch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from mmsum.errors import FailureKind
from mmsum.generation.summarizer import Draft
from mmsum.records import Document

_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-ÖØ-ÞͰ-\uffff])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|cf|vs|Fig|Figs|Eq|Dr|Mr|Mrs|Ms|Prof|No|St|[A-Z])\.$")


def sentences(text: str) -> Iterator[str]:
    """Sentences of running text; common abbreviations and initials do not end one."""
    held = ""
    for piece in _SENTENCE_END.split(" ".join(text.split())):
        held = f"{held} {piece}".strip()
        if held and not _ABBREVIATION.search(held):
            yield held
            held = ""
    if held:
        yield held


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
        kept: list[str] = []
        for paragraph in paragraphs:
            for sentence in sentences(paragraph):
                if len(kept) < self.k:
                    kept.append(sentence)
        text = " ".join(kept)
        draft = Draft(text=text, tokens_total=sum(len(p.split()) for p in paragraphs), tokens_read=len(text.split()))
        draft.output_tokens = draft.tokens_read
        if not text:
            draft.failure_kind = FailureKind.EMPTY
            draft.failure_message = "no text to take sentences from"
        draft.seconds = time.perf_counter() - started
        return draft
