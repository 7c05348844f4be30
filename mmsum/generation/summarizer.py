"""The seam between the pipeline and whatever writes summaries.

The pipeline knows only `Summarizer.summarize(documents)`. `build_summarizer` chooses by config; a caller may hand the
flow its own factory instead (a stand-in for benchmarks, an endpoint of one's own).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mmsum.config import Config
from mmsum.errors import FailureKind
from mmsum.records import Document


@dataclass(slots=True)
class Draft:
    """What a summarizer made of one document.

    `tokens_total` and `tokens_read` count the document's text in the summarizer's own tokens (words for `lead`).
    `shown` holds indices into `Document.figures` that a trained fusion saw, in a call whose text was used or to describe them.
    """

    text: str = ""
    tokens_total: int = 0
    tokens_read: int = 0
    pages_read: int | None = None  # None: all that were parsed
    prompt_tokens: int = 0
    output_tokens: int = 0
    shown: frozenset[int] = field(default_factory=frozenset)
    failure_kind: FailureKind | None = None  # set with text: partial; set without: failed
    failure_message: str = ""
    seconds: float = 0.0


class Summarizer(Protocol):
    """Writes summaries. One instance lives in each generating actor."""

    name: str
    """Goes into each row's `model` column; changes whenever the answers may."""

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        """One draft per document, in order. Raises only when this instance can no longer work."""
        ...


SummarizerFactory = Callable[[Config], Summarizer]


def build_summarizer(config: Config) -> Summarizer:
    """The summarizer that `config.summarizer` names. Imports torch only for `fused`."""
    if config.summarizer == "lead":
        from mmsum.generation.lead import LeadSummarizer

        return LeadSummarizer(config.generation.lead_sentences)
    from mmsum.generation.fused import FusedSummarizer

    return FusedSummarizer.load(config)


def check_summarizer(config: Config) -> Config:
    """`config` with what an export says filled in. Raises ConfigError or PresetError when its summarizer cannot be built."""
    if config.summarizer == "lead":
        return config
    from mmsum.model.manifest import complete

    return config.model_copy(update={"model": complete(config.model)})
