"""A tokenizer with the few things that prompts need: counting, cutting, and the backbone's chat form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmsum.config import Generation
from mmsum.errors import ConfigError
from mmsum.generation.prompt import MARK, PART_TOKENS, first_prompt, merge_prompt, plain
from mmsum.model.places import PLACE

_SOME_DAY = "{% macro strftime_now(format) %}26 Jul 2024{% endmacro %}"
"""Before a chat form that tells today's date, as Llama 3's does: what is read of a document is the same every day. The day is
the one that Llama's own form tells where it knows none."""

TITLE_TOKENS = 64
"""Kept free in every call for the title; a longer title is shortened in the prompt, never in the row."""


class Chat:
    """Turns a user message into the token ids of a call, for summarizing and for training alike.

    soft_tokens: places that the fusion wants in the prompt at each figure's MARK; 0 for one that needs none.
    """

    def __init__(self, tokenizer: Any, soft_tokens: int = 0) -> None:
        self.tokenizer = tokenizer
        self.soft_tokens = soft_tokens
        template = tokenizer.get_chat_template() if tokenizer.chat_template else ""
        self._template = _SOME_DAY + template if "strftime_now" in template else template
        # A chat form writes it down itself. Base models such as Gemma's have never read a text without it.
        first = [] if template else tokenizer.encode("")[:1]
        self._begin = first if first == [tokenizer.bos_token_id] else []
        specials = sorted((str(token) for token in tokenizer.added_tokens_decoder.values() if token.special), key=len)
        self._special = re.compile("|".join(map(re.escape, reversed(specials))) or r"(?!)")

    def encode(self, user: str) -> list[int]:
        """The ids of a whole call up to where the answer begins, PLACE where soft tokens go."""
        return [*self._begin, *self._ids(self.text(user))]

    def _ids(self, text: str) -> list[int]:
        if not self.soft_tokens:
            ids: list[int] = self.tokenizer.encode(text.replace(MARK, ""), add_special_tokens=False)
            return ids
        pieces = [self.tokenizer.encode(piece, add_special_tokens=False) for piece in text.split(MARK)]
        places = [PLACE] * self.soft_tokens
        return [token for number, piece in enumerate(pieces) for token in (places if number else []) + piece]

    def text(self, user: str) -> str:
        """The message in the tokenizer's chat form; a plain one where it has none. The answer is wanted at once: models that
        may think aloud first (Qwen 3, SmolLM3) are told not to."""
        user = self._words(user)
        if not self._template:
            return f"{user}\n\nSummary:"
        return str(
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": user}],
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        )

    def _words(self, text: str) -> str:
        """A document may write `<|im_end|>` or `<filename>`, and neither end a turn nor begin a file by it."""
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def answer(self, text: str, most: int) -> list[int]:
        """The ids of an answer with the token that ends it, or its first `most` ids without."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return [*ids, self.tokenizer.eos_token_id] if len(ids) < most else ids[:most]

    def within(self, text: str, spans: Sequence[tuple[int, int]]) -> list[bool]:
        """Of each of `answer`'s ids of `text`, whether it stands for characters of any of the spans.

        Raises ConfigError for a tokenizer that does not tell where its tokens stand.
        """
        if not getattr(self.tokenizer, "is_fast", False):
            raise ConfigError(
                f"training.answer_weight: {type(self.tokenizer).__name__} does not tell where its tokens stand; set it to 1"
            )
        places = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return [any(start < last and first < end for first, last in spans) for start, end in places]

    def copies(self, names: Mapping[str, str]) -> list[tuple[list[int], list[int]]]:
        """For each key of `names`, at a text's start and behind a space: its ids, and those that write its name behind it."""
        pairs = []
        for key, name in names.items():
            for start in (key, f" {key}"):
                head, whole = (
                    self.tokenizer.encode(text, add_special_tokens=False) for text in (start, f"{start} {name}")
                )
                if whole[: len(head)] == head:
                    pairs.append((head, whole[len(head) :]))
        return pairs

    def title(self, title: str) -> str:
        """A title that fits into TITLE_TOKENS with what joins it to the text."""
        return self.cut(plain(title), TITLE_TOKENS - 10)

    def cut(self, text: str, tokens: int) -> str:
        """`text`, shortened from its end until it has at most `tokens`."""
        while self.count(text) > tokens:
            text = text[: len(text) * 3 // 4]
        return text

    def count(self, text: str) -> int:
        return len(self._ids(self._words(text)))

    def budget(self, generation: Generation) -> int:
        """Tokens of a document's text that one call can take.

        Raises ConfigError when that is less than two summaries, or than the soft tokens of one figure.
        """
        fixed = max(len(self.encode(prompt)) for prompt in (first_prompt("", ""), merge_prompt("", [])))
        budget = generation.context_tokens - generation.summary_tokens - TITLE_TOKENS - fixed
        if budget < 2 * (generation.summary_tokens + PART_TOKENS):
            raise ConfigError(
                f"generation.context_tokens: {generation.context_tokens} leaves {budget} tokens for text, less than two "
                f"summaries of generation.summary_tokens={generation.summary_tokens}; raise the one or lower the other"
            )
        if self.soft_tokens > budget:
            raise ConfigError(
                f"model.prefix_tokens: a figure takes {self.soft_tokens} tokens, and generation.context_tokens leaves "
                f"{budget}; lower the one or raise the other"
            )
        return budget
