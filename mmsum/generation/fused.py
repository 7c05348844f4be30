"""The fused model behind the Summarizer seam: figures through CLIP once, text through map-reduce calls.

All calls of one level, of all documents of a shard, are decoded together: a first wave describes every figure by itself
(generation.describe_figures; descriptions.py says what becomes of it), the next reads every leaf, each further one merges. The
waves are a pure function of the shard's documents, and so are the batches inside the engine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from mmsum.config import Config
from mmsum.errors import FailureKind
from mmsum.generation.chat import Chat
from mmsum.generation.cleaning import lists_names, said_once
from mmsum.generation.descriptions import (
    DESCRIPTION_TOKENS,
    described,
    description_prompt,
    in_names,
    keys_of,
    names_of,
    resolved,
    said_by_label,
    speak_of_figures,
    with_lists,
    without_repeats,
)
from mmsum.generation.engine import Completion, Engine, Request
from mmsum.generation.figure_text import with_figure_text
from mmsum.generation.names import CAPITAL_NOUNS, NamesKnown
from mmsum.generation.numbers import NumbersLeft
from mmsum.generation.prompt import (
    Leaf,
    affordable_leaves,
    first_prompt,
    fit,
    group_for_merging,
    keep_marks,
    merge_fan_in,
    merge_prompt,
    split_document,
)
from mmsum.generation.summarizer import Draft
from mmsum.model.fused import FusedModel, check_context, load_fused
from mmsum.model.torchstack import torch
from mmsum.records import Document


@dataclass(slots=True)
class _Work:
    """One document on its way: the leaves still to read, then the summaries still to merge."""

    document: Document
    draft: Draft
    leaves: list[Leaf] = field(default_factory=list)
    features: dict[int, torch.Tensor] = field(default_factory=dict)  # figure index -> [P, D]
    said: dict[str, str] = field(default_factory=dict)  # label -> what was said of the figure by itself
    texts: list[str] = field(default_factory=list)
    listed: list[Collection[str]] = field(default_factory=list)  # names that caption or text list for each figure


class FusedSummarizer:
    """Backbone, vision tower and fusion as one Summarizer."""

    def __init__(self, model: FusedModel, config: Config, name: str) -> None:
        check_context(model.backbone, config.generation.context_tokens)
        self.model = model
        self.config = config
        self.name = name
        self.engine = Engine(model, batch_size=config.generation.batch_size)
        self.chat = Chat(model.tokenizer, model.fusion.soft_tokens)
        self.budget = self.chat.budget(config.generation)
        self.fan_in = merge_fan_in(self.budget, config.generation.summary_tokens)

    @classmethod
    def load(cls, config: Config) -> FusedSummarizer:
        """Loads what `config.model` names onto a GPU if this process has one, else the CPU."""
        model = load_fused(config.model, seed=config.seed)
        preset = Path(config.preset).stem if config.preset else "custom"
        return cls(model, config, f"fused:{preset}:{model.fingerprint}")

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        # Here and not at loading: Ray sets OMP_NUM_THREADS=1 and calls from a thread of its own, and OpenMP keeps the
        # number of threads per calling thread. Loaded in one and called from another, the model ran on one core of two.
        torch.set_num_threads(self.config.resources.generate_threads or len(os.sched_getaffinity(0)))
        tokens = self.config.generation.figure_text_tokens
        works = [_Work(with_figure_text(document, tokens, self.chat.count), Draft()) for document in documents]
        figures_per_call = self.config.generation.figures_per_call
        if self.config.generation.describe_figures and self.model.trained:
            self._describe(works)
            figures_per_call = 0
        for work in works:
            self._plan(work, figures_per_call)
        self._look([(work, index) for work in works for leaf in work.leaves for index in leaf.figures])
        self._read(works)
        self._merge(works)
        for work in works:
            self._finish(work)
        return [work.draft for work in works]

    def _describe(self, works: list[_Work]) -> None:
        """One short call for each figure; what it says goes behind the figure's caption, and later into the summary.

        The document is then read by the language model alone: what the adapters see is told already.
        """
        self._look([(work, index) for work in works for index in range(len(work.document.figures))])
        callers, requests = [], []
        captioned = [with_lists(work.document) for work in works]
        for work, document in zip(works, captioned, strict=True):
            title = self.chat.title(document.title)
            for index, feature in work.features.items():
                prompt = description_prompt(title, document.figures[index], self._begin)
                callers.append(work)
                names = names_of(document.figures[index])
                requests.append(self._request(prompt, feature[None], describes=True, names=names))
        texts = iter(self._generate(callers, requests))
        for work, document in zip(works, captioned, strict=True):
            words = {index: without_repeats(document.figures[index], next(texts)) for index in work.features}
            descriptions = [
                in_names(figure, resolved(figure, words.get(index, "")))
                for index, figure in enumerate(document.figures)
            ]
            work.draft.shown = frozenset(work.features)
            work.features.clear()
            work.listed = [names for figure in document.figures if (names := keys_of(figure))]
            work.said = said_by_label(document.figures, descriptions)
            work.document = described(work.document, descriptions)

    def _begin(self, text: str) -> str:
        """As much of a figure's caption as one call reads."""
        budget = self.budget - max(0, DESCRIPTION_TOKENS - self.config.generation.summary_tokens)
        return next(fit(text, 1, budget, self.chat.count)).text

    def _plan(self, work: _Work, figures_per_call: int) -> None:
        """Splits the document into leaves and leaves out, counted, what `limits.calls` cannot cover."""
        draft = work.draft
        leaves = split_document(work.document, self.budget, self.chat.count, figures_per_call)
        draft.tokens_total = sum(leaf.tokens for leaf in leaves)
        if leaves:
            kept = affordable_leaves(len(leaves), self.fan_in, self.config.limits.calls)
            if kept < len(leaves):
                draft.failure_kind = FailureKind.TOO_LARGE
                limit = self.config.limits.calls
                draft.failure_message = (
                    f"read {kept} of {len(leaves)} parts: limits.calls={limit} allows no more; raise it"
                )
                leaves = leaves[:kept]
                draft.pages_read = max(leaf.last_page for leaf in leaves)
        draft.tokens_read = sum(leaf.tokens for leaf in leaves)
        work.leaves = leaves

    def _look(self, figures: list[tuple[_Work, int]]) -> None:
        """Every figure that some call will be shown goes through the vision tower once."""
        wanted = [
            (work, index)
            for work, index in figures
            if index not in work.features and work.document.figures[index].image and self.model.sees
        ]
        started = time.perf_counter()
        features = self.model.encode_figures([work.document.figures[index].image for work, index in wanted])
        for (work, index), feature in zip(wanted, features, strict=True):
            if feature is not None:
                work.features[index] = feature
        _share_time(started, [(work.draft, 1) for work, _ in wanted])

    def _read(self, works: list[_Work]) -> None:
        calls = [(work, leaf) for work in works for leaf in work.leaves]
        requests = []
        for work, leaf in calls:
            shown = [index for index in leaf.figures if index in work.features]
            figures = torch.stack([work.features[index] for index in shown]) if shown else None
            if self.model.trained:
                work.draft.shown |= frozenset(shown)
            text = keep_marks(leaf.text, [index in work.features for index in leaf.figures])
            requests.append(self._request(first_prompt(self.chat.title(work.document.title), text), figures))
        texts = self._generate([work for work, _ in calls], requests)
        for (work, leaf), request, text in zip(calls, requests, texts, strict=True):
            # Shown one figure, a model may write as it has learned to describe figures, also where no wave asks for that.
            if request.figures is not None and len(leaf.figures) == 1:
                text = without_repeats(work.document.figures[leaf.figures[0]], text)
            work.texts.append(text)
        for work in works:
            work.features.clear()

    def _merge(self, works: list[_Work]) -> None:
        """One wave per level, all documents together, until every document has one text."""
        while waiting := [work for work in works if len(work.texts) > 1]:
            calls: list[tuple[_Work, list[str]]] = []
            for work in waiting:
                texts, work.texts = work.texts, []
                calls += [
                    (work, group) for group in group_for_merging(texts, self.budget, self.chat.count, self.chat.cut)
                ]
            merging = [(work, texts) for work, texts in calls if len(texts) > 1]
            requests = [
                self._request(merge_prompt(self.chat.title(work.document.title), texts), None)
                for work, texts in merging
            ]
            merged = iter(self._generate([work for work, _ in merging], requests))
            for work, texts in calls:
                work.texts.append(next(merged) if len(texts) > 1 else texts[0])

    def _finish(self, work: _Work) -> None:
        draft = work.draft
        draft.text = work.texts[0].strip() if work.texts else ""
        if draft.text:
            labels, tokens = [figure.label for figure in work.document.figures], self.config.generation.summary_tokens
            told = speak_of_figures(draft.text, work.said, labels, tokens, self.chat.count)
            draft.text = said_once(told, *self._unwanted(work))
            return
        if not work.leaves:
            draft.failure_kind, draft.failure_message = FailureKind.EMPTY, "neither text nor captions to summarize"
        else:
            draft.failure_kind = FailureKind.GENERATION_FAILED
            draft.failure_message = "the model wrote nothing; try another model or a longer generation.summary_tokens"

    def _unwanted(self, work: _Work) -> Iterator[Callable[[str], bool]]:
        """What makes a sentence of the document's summary be left out."""
        for names in work.listed:
            yield partial(lists_names, names=names)
        read = [work.document.title, *(leaf.text for leaf in work.leaves), *work.said.values()]
        if self.config.generation.known_names and work.document.language not in CAPITAL_NOUNS:
            yield NamesKnown(read).refuses
        if self.config.generation.known_numbers:  # the last: what it lets pass is used up
            yield NumbersLeft(read).refuses

    def _generate(self, works: list[_Work], requests: list[Request]) -> list[str]:
        """Decodes one wave and books its tokens and its time, shared by tokens, to the documents."""
        started = time.perf_counter()
        completions: list[Completion] = self.engine.generate(requests)
        weights = []
        for work, completion in zip(works, completions, strict=True):
            work.draft.prompt_tokens += completion.prompt_tokens
            work.draft.output_tokens += len(completion.tokens)
            weights.append((work.draft, completion.prompt_tokens + DECODE_WEIGHT * len(completion.tokens)))
        _share_time(started, weights)
        return [said_once(_whole_sentences(completion)) for completion in completions]

    def _request(
        self,
        user: str,
        figures: torch.Tensor | None,
        describes: bool = False,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> Request:
        """names: what each key stands for; it is copied behind the key, for a small model misspells what it has not met."""
        generation = self.config.generation
        # Trained adapters write of figures as they have learned to, the same words again where gold does. Over a document's
        # own text a small model goes round in circles.
        learned = self.model.trained and figures is not None
        return Request(
            prompt=self.chat.encode(user),
            figures=figures,
            max_new_tokens=DESCRIPTION_TOKENS if describes else generation.summary_tokens,
            min_new_tokens=0 if describes else generation.least_tokens,  # of a figure there may be nothing to say
            empty_above=generation.silence_above if describes else 0.0,
            repetition_penalty=1.0 if learned else generation.repetition_penalty,
            copies=self.chat.copies(names),
        )


DECODE_WEIGHT = 4
"""A written token costs about as much time as four read ones on CPUs; only used to share a wave's time among documents."""


def _whole_sentences(completion: Completion) -> str:
    """A text that ran into the token limit ends at its last full sentence, where it has one in its second half."""
    text = completion.text.strip()
    if completion.finished:
        return text
    cut = max(f"{text} ".rfind(mark) for mark in (". ", "! ", "? ", ".\n"))
    return text[: cut + 1] if cut >= len(text) // 2 else text


def _share_time(started: float, weights: Sequence[tuple[Draft, float]]) -> None:
    elapsed = time.perf_counter() - started
    total = sum(weight for _, weight in weights)
    for draft, weight in weights:
        draft.seconds += elapsed * weight / total
