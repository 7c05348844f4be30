"""Batched greedy decoding: a list of prompts in, their continuations out, in order.

The longest prompts start first, so that rows decoded together have nearly equal lengths and the tail of a call is
short. Prompts are prefilled packed (no padding); a row that finishes gives its slot to the next waiting request; at
the end the batch shrinks instead of decoding rows that are done. All of it is a pure function of the request list.

Backbones that packed attention does not fit (sliding windows, state-space layers, ...) go through the stock path in
mmsum.generation.stock, with transformers' own cache and padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmsum.generation import stock
from mmsum.model.fused import FigureState, FusedModel, context_of, text_config
from mmsum.model.packing import ATTENTION, LAYOUT_IN_PACKING, Packing, SlotCache, decode_packing
from mmsum.model.places import PLACE
from mmsum.model.torchstack import torch

PREFILL_TOKENS = {"cpu": 512, "cuda": 8192}
"""Prompt tokens of one forward call; longer prompts are read in chunks. On CPUs the activations of 512 tokens stay in
the caches: 310 tokens/s against 245 at 2048 (SmolLM2-135M, one thread). GPUs want large products."""

_END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>")


@dataclass(slots=True)
class Request:
    """A prompt, and the figures it may look at as figure tokens [F, P, Dv].

    repetition_penalty divides (negative ones: multiplies) the logits of tokens that this completion already holds; the
    prompt's tokens are not penalized, since a summary should reuse the document's words. 1.0 is plain greedy decoding.
    Before min_new_tokens the text does not end, and it stays empty only where that is at least `empty_above` likely. Behind the
    first tokens of each pair in `copies` the second ones are written, whatever is likely.
    """

    prompt: list[int]
    figures: torch.Tensor | None
    max_new_tokens: int
    repetition_penalty: float = 1.0
    min_new_tokens: int = 0
    empty_above: float = 0.0
    copies: Sequence[tuple[list[int], list[int]]] = ()


@dataclass(slots=True)
class Completion:
    """tokens: without the one that ended it. finished: False when max_new_tokens cut it off."""

    tokens: list[int]
    text: str
    prompt_tokens: int
    finished: bool


@dataclass(slots=True)
class Row:
    """A request on its way."""

    index: int
    request: Request
    vision: FigureState | None = None
    tokens: list[int] = field(default_factory=list)
    copying: list[int] = field(default_factory=list)  # what must be written next
    finished: bool = False

    @property
    def length(self) -> int:
        """Tokens in its slot of the cache: the prompt, and all written tokens but the newest."""
        return len(self.request.prompt) + len(self.tokens) - 1


class Engine:
    """Decodes greedily with one FusedModel."""

    def __init__(self, model: FusedModel, *, batch_size: int, use_fusion: bool = True) -> None:
        self.model = model
        self.batch_size = batch_size
        self.use_fusion = use_fusion
        self.stop_tokens = stop_tokens(model)
        self.prefill_tokens = PREFILL_TOKENS["cpu" if model.device.type == "cpu" else "cuda"]
        self.packed = fits_packing(model)

    @torch.inference_mode()
    def generate(self, requests: list[Request]) -> list[Completion]:
        """One Completion per request, in order. The same list gives the same texts on the same hardware and dtype.

        Raises ValueError for an empty prompt, or one that leaves no room in the backbone's context.
        """
        self._check(requests)
        rows = [Row(index, request) for index, request in enumerate(requests)]
        waiting = sorted(rows, key=lambda row: (-len(row.request.prompt), row.index))
        if self.packed:
            self._decode_packed(waiting)
        else:
            stock.decode(self, waiting)
        return [self._completion(row) for row in rows]

    def _check(self, requests: Sequence[Request]) -> None:
        context = context_of(self.model.backbone)
        for index, request in enumerate(requests):
            if not request.prompt:
                raise ValueError(f"request {index} has an empty prompt; give it at least one token")
            figures = 0 if request.figures is None or not self.use_fusion else len(request.figures)
            places = request.prompt.count(PLACE)
            if places != figures * self.model.fusion.soft_tokens:
                raise ValueError(f"request {index} has {figures} figures, and {places} places for them in its prompt")
            total = len(request.prompt) + request.max_new_tokens
            if context and total > context:
                raise ValueError(
                    f"request {index}: {len(request.prompt)} prompt and {request.max_new_tokens} new tokens exceed the "
                    f"backbone's context of {context}; lower generation.context_tokens"
                )

    def _decode_packed(self, waiting: list[Row]) -> None:
        waiting = [row for row in waiting if row.request.max_new_tokens > 0]
        if not waiting:
            return
        capacity = max(len(row.request.prompt) + row.request.max_new_tokens for row in waiting)
        slots = min(self.batch_size, len(waiting))
        cache = SlotCache(text_config(self.model.backbone).num_hidden_layers, slots, capacity)
        active: list[Row] = []  # slot i holds active[i]
        while waiting or active:
            while waiting and len(active) < slots:
                admitted = _admit(waiting, slots - len(active), self.prefill_tokens)
                self._prefill(cache, admitted, first_slot=len(active))
                active += admitted
                _compact(cache, active)
            if active:
                self._decode(cache, active)

    def _prefill(self, cache: SlotCache, rows: list[Row], first_slot: int) -> None:
        """Reads the prompts of new rows, packed or one of them in chunks, and writes each row's first token."""
        for row in rows:
            row.vision = self.vision_state(row.request)
        vision = self.model.stack([row.vision for row in rows])
        prompts = [row.request.prompt for row in rows]
        slots = list(range(first_slot, first_slot + len(rows)))
        chunks = -(-len(prompts[0]) // self.prefill_tokens)
        if chunks == 1:
            logits = self._read(cache, prompts, slots, vision)
        else:
            (prompt,) = prompts
            size = -(-len(prompt) // chunks)
            for start in range(0, len(prompt), size):
                piece, passed = prompt[start : start + size], prompt[:start].count(PLACE)
                part = vision.part(passed, passed + piece.count(PLACE)) if vision else None
                logits = self._read(cache, [piece], slots, part, start)
        self.write(rows, logits)
        if self.model.fusion.prompt_only:
            for row in rows:
                row.vision = None

    def _read(
        self, cache: SlotCache, pieces: list[list[int]], slots: list[int], vision: FigureState | None, start: int = 0
    ) -> torch.Tensor:
        """One forward call over packed prompts, or a later chunk at `start`: logits at each piece's end, [B, V]."""
        device = self.model.device
        lengths = [len(piece) for piece in pieces]
        cache.prefill_into(slots, lengths, start)
        mask = None
        if start:
            mask = torch.full((lengths[0], start + lengths[0]), float("-inf"), dtype=self.model.dtype, device=device)
            mask = mask.triu_(start + 1)[None, None]
        logits = self.model(
            input_ids=torch.tensor([[token for piece in pieces for token in piece]], device=device),
            attention_mask=LAYOUT_IN_PACKING.to(device),
            position_ids=torch.cat([torch.arange(start, start + length) for length in lengths])[None].to(device),
            vision=vision,
            past_key_values=cache,
            packing=Packing(lengths=tuple(lengths), mask=mask),
            logits_to_keep=torch.tensor(lengths, device=device).cumsum(0) - 1,
        )
        return logits[0]

    def _decode(self, cache: SlotCache, active: list[Row]) -> None:
        """Writes tokens for all active rows until at least one is done, then gives up its slot."""
        device = self.model.device
        vision = self.model.stack([row.vision for row in active])
        while not any(row.finished or _is_full(row) for row in active):
            lengths = [row.length for row in active]
            positions = cache.decode_at(lengths, device)
            logits = self.model(
                input_ids=torch.tensor([[row.tokens[-1]] for row in active], device=device),
                attention_mask=LAYOUT_IN_PACKING.to(device),
                position_ids=positions[:, None],
                vision=vision,
                past_key_values=cache,
                packing=decode_packing(lengths, self.model.dtype, device),
            )
            self.write(active, logits[:, -1])
        _compact(cache, active)

    def vision_state(self, request: Request) -> FigureState | None:
        """What the fusion makes of one request's figures, computed once; None when it has none or fusion is off."""
        if not self.use_fusion or request.figures is None or len(request.figures) == 0:
            return None
        return self.model.vision_state(request.figures[None], [len(request.figures)])

    def write(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        """Appends the likeliest token of logits [B, V] to each row, or the next one of a copy, or marks the row finished."""
        logits = logits.float()
        penalized = any(row.request.repetition_penalty != 1.0 for row in rows)
        if penalized and (longest := max(len(row.tokens) for row in rows)):
            logits = _penalize(rows, logits, longest)
        self._go_on(rows, logits)
        for row, token in zip(rows, logits.argmax(-1).tolist(), strict=True):
            if row.copying:
                row.tokens.append(row.copying.pop(0))
            elif token in self.stop_tokens:
                row.finished = True
            else:
                row.tokens.append(token)
                begun = (then for written, then in row.request.copies if row.tokens[-len(written) :] == written)
                row.copying = list(next(begun, ()))

    def _go_on(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        """Takes the ends out of the logits [B, V] of rows that may not end yet."""
        short = [place for place, row in enumerate(rows) if len(row.tokens) < row.request.min_new_tokens]
        new = [place for place, row in enumerate(rows) if row.request.empty_above and not row.tokens]
        if not short and not new:
            return
        ends = torch.tensor(sorted(self.stop_tokens), dtype=torch.long, device=logits.device)
        likely = logits[new].softmax(-1)[:, ends].sum(-1).tolist()
        short += [place for place, share in zip(new, likely, strict=True) if share < rows[place].request.empty_above]
        logits[torch.tensor(short, dtype=torch.long, device=logits.device)[:, None], ends] = -torch.inf

    def _completion(self, row: Row) -> Completion:
        text = self.model.tokenizer.decode(row.tokens, skip_special_tokens=True)
        return Completion(row.tokens, text, len(row.request.prompt), row.finished)


def _penalize(rows: Sequence[Row], logits: torch.Tensor, longest: int) -> torch.Tensor:
    # Rows are filled up by repeating a token of their own: it is written twice with the same value.
    written = [row.tokens + [row.tokens[-1]] * (longest - len(row.tokens)) for row in rows]
    index = torch.tensor(written, device=logits.device)
    penalties = torch.tensor([[row.request.repetition_penalty] for row in rows], device=logits.device)
    scores = logits.gather(1, index)
    scores = torch.where(scores < 0, scores * penalties, scores / penalties)
    return logits.scatter(1, index, scores)


def _admit(waiting: list[Row], slots: int, prefill_tokens: int) -> list[Row]:
    """Takes the next rows for one packed prefill: at most `slots`, and `prefill_tokens` unless the first is longer."""
    count, tokens = 0, 0
    for row in waiting[:slots]:
        tokens += len(row.request.prompt)
        if count and tokens > prefill_tokens:
            break
        count += 1
    admitted = waiting[:count]
    del waiting[:count]
    return admitted


def _is_full(row: Row) -> bool:
    return len(row.tokens) >= row.request.max_new_tokens


def _compact(cache: SlotCache, active: list[Row]) -> None:
    """Drops rows that are done; the last row moves into each free slot, so that the used slots stay the first ones."""
    for slot in reversed(range(len(active))):
        if active[slot].finished or _is_full(active[slot]):
            last = active.pop()
            if slot < len(active):
                cache.move(len(active), slot, last.length)
                active[slot] = last


def stop_tokens(model: FusedModel) -> frozenset[int]:
    """Tokens that end a text: the generation config's, the tokenizer's, and the usual ends of a chat turn."""
    found: set[int] = set()
    generation: Any = model.backbone.generation_config
    configured: int | list[int] | None = generation.eos_token_id
    if configured is not None:
        found.update([configured] if isinstance(configured, int) else configured)
    if model.tokenizer.eos_token_id is not None:
        found.add(model.tokenizer.eos_token_id)
    special = set(model.tokenizer.all_special_tokens) | set(model.tokenizer.get_added_vocab())
    found.update(model.tokenizer.convert_tokens_to_ids(token) for token in _END_TOKENS if token in special)
    return frozenset(found)


@torch.inference_mode()
def fits_packing(model: FusedModel) -> bool:
    """Tries packed attention on two tiny prompts and a decode step: it must give the stock path's logits."""
    if model.backbone.config._attn_implementation != ATTENTION:  # type: ignore[union-attr]
        return False
    device, dtype = model.device, model.dtype
    vocabulary = text_config(model.backbone).vocab_size
    prompts = [[(7 * place + 3) % vocabulary for place in range(length)] for length in (5, 3)]
    expected = [model(torch.tensor([prompt], device=device))[0, -2:] for prompt in prompts]
    cache = SlotCache(text_config(model.backbone).num_hidden_layers, 2, 5)
    layout = LAYOUT_IN_PACKING.to(device)
    try:
        cache.prefill_into([0, 1], [4, 2])
        first = model(
            torch.tensor([prompts[0][:4] + prompts[1][:2]], device=device),
            layout,
            position_ids=torch.tensor([[0, 1, 2, 3, 0, 1]], device=device),
            past_key_values=cache,
            packing=Packing(lengths=(4, 2)),
            logits_to_keep=torch.tensor([3, 5], device=device),
        )[0]
        positions = cache.decode_at([4, 2], device)
        second = model(
            torch.tensor([[prompts[0][-1]], [prompts[1][-1]]], device=device),
            layout,
            position_ids=positions[:, None],
            past_key_values=cache,
            packing=decode_packing([4, 2], dtype, device),
        )[:, -1]
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
        return False  # NotImplementedError is a RuntimeError: whatever the reason, the stock path works
    got = torch.stack([first, second], dim=1).float()
    wanted = torch.stack(expected).float()
    if got.shape != wanted.shape:
        return False
    tolerance = 1e-3 if dtype == torch.float32 else 0.1
    return bool((got - wanted).abs().max() <= tolerance * wanted.abs().max())
