"""Attention without padding: packed prompts, and decoding straight from a preallocated key/value cache.

Shapes: B sequences (slots), T tokens, H query heads, G key/value heads, L cached positions, D head width.

A *prefill* lays several prompts end to end in one row, [1, T], so that no matrix product is spent on padding, and each
prompt attends to itself alone; or it is a later chunk of one long prompt, which also attends to what its slot holds.
A *decode step* is [B, 1] and reads each layer's cache [B, G, L, D] where it lies: a stock dynamic cache copies all of
it for every token.

The attention function is registered with transformers under the name ATTENTION. A call that brings no `packing`
keyword gets transformers' own SDPA attention, so training and `generate` are untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F

from mmsum.model.torchstack import torch

# isort: split
# Below the line above, which makes transformers importable.
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface

ATTENTION = "mmsum_packed"


@dataclass(frozen=True, slots=True)
class Packing:
    """How the tokens of one forward call lie: `lengths` for a prefill, `mask` for a decode step or a later chunk.

    lengths: tokens of each packed prompt, in order; () when decoding. mask: added to the scores, 0 or -inf:
    [B, 1, 1, L] when decoding, [1, 1, T, L] for a later chunk of a prompt.
    """

    lengths: tuple[int, ...] = ()
    mask: torch.Tensor | None = None
    groups: tuple[tuple[int, int, int], ...] = ()  # decoding: (first slot, last + 1, longest of them, in tokens)


# A 4-dimensional mask is handed to the attention function as it is; this one says that `packing` has the layout.
LAYOUT_IN_PACKING = torch.ones(1, 1, 1, 1, dtype=torch.bool)

_UNSUPPORTED = ("softcap", "position_bias", "s_aux", "sliding_window")


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    packing: Packing | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention signature: query [B, H, T, D], key and value [B, G, L, D] -> [B, T, H, D].

    Raises NotImplementedError for attention variants that a packed call does not cover (the engine then uses the
    stock path).
    """
    if packing is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    for name in _UNSUPPORTED:
        if kwargs.get(name) is not None:
            raise NotImplementedError(f"packed attention has no {name}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    shared = query.shape[1] != key.shape[1]
    if not packing.lengths:
        output = _attend_cached(query, key, value, packing, scale)
    elif packing.mask is None:
        output = _attend_packed(query, key, value, packing.lengths, scale, shared)
    else:
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=packing.mask, scale=scale, enable_gqa=shared
        )
    return output.transpose(1, 2).contiguous(), None


def _attend_packed(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: tuple[int, ...], scale: float, shared: bool
) -> torch.Tensor:
    """Causal attention inside each packed prompt: [1, H, T, D]. shared: fewer key/value heads than query heads."""
    parts = [
        F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=shared)
        for q, k, v in zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _attend_cached(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, scale: float
) -> torch.Tensor:
    """One new token per slot: [B, H, 1, D]. Query heads that share a key/value head are rows of one product."""
    slots, heads, _, width = query.shape
    mask = packing.mask
    assert mask is not None
    grouped = query.view(slots, key.shape[1], -1, width)  # [B, G, H/G, D]
    if query.device.type == "cpu" and query.dtype == torch.float32:
        # Two batched products read the cache at 14 GB/s, the fused kernel at 12 (B 16, G 3, L 1024, two AVX2 cores).
        # Reading is what this costs, so slots go in groups that end with their own longest, not with the batch's.
        parts = []
        for first, last, longest in packing.groups:
            keys, values = key[first:last, :, :longest], value[first:last, :, :longest]
            scores = torch.matmul(grouped[first:last] * scale, keys.transpose(2, 3))
            scores += mask[first:last, :, :, :longest]
            parts.append(torch.matmul(scores.softmax(-1), values))
        output = torch.cat(parts)
    else:
        output = F.scaled_dot_product_attention(grouped, key, value, attn_mask=mask, scale=scale)
    return output.reshape(slots, heads, 1, width)


GROUP = 8
"""Slots of one group. 32 slots of 300 to 1500 tokens take 9.1 ms a layer against 11.4 undivided, equal lengths 3.5
against 3.3 (16 of 900); smaller groups gain no more and cost more."""


def decode_packing(lengths: list[int], dtype: torch.dtype, device: torch.device) -> Packing:
    """The layout of a decode step over slots that hold `lengths` tokens and get one more each."""
    groups = tuple(
        (first, min(first + GROUP, len(lengths)), max(lengths[first : first + GROUP]) + 1)
        for first in range(0, len(lengths), GROUP)
    )
    behind = torch.arange(max(lengths) + 1, device=device) > torch.tensor(lengths, device=device)[:, None]
    mask = torch.zeros(behind.shape, dtype=dtype, device=device).masked_fill_(behind, float("-inf"))
    return Packing(mask=mask[:, None, None], groups=groups)


AttentionInterface.register(ATTENTION, packed_attention)
AttentionMaskInterface.register(ATTENTION, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


def uses_plain_cache(config: Any) -> bool:
    """True when every layer of this config keeps plain full attention keys and values, as SlotCache does."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer, [slots, G, capacity, D], allocated at the first write and written in place."""

    def __init__(self, cache: SlotCache) -> None:
        super().__init__()
        self.cache = cache

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        slots, capacity = self.cache.slots, self.cache.capacity
        # Zeros, since positions behind a slot's end are multiplied by 0 in attention, and 0 times garbage may be NaN.
        self.keys = key_states.new_zeros(slots, key_states.shape[1], capacity, key_states.shape[3])
        self.values = value_states.new_zeros(slots, value_states.shape[1], capacity, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes where SlotCache.prefill_into or .decode_at said; returns what the queries of this call attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        cache = self.cache
        if cache.prefill:
            taken = 0
            for slot, length in cache.prefill:
                here = slice(cache.start, cache.start + length)
                self.keys[slot, :, here] = key_states[0, :, taken : taken + length]
                self.values[slot, :, here] = value_states[0, :, taken : taken + length]
                taken += length
            if cache.start == 0:
                return key_states, value_states
            slot = cache.prefill[0][0]
            return self.keys[slot : slot + 1, :, : cache.longest], self.values[slot : slot + 1, :, : cache.longest]
        rows = cache.rows
        self.keys[rows, :, cache.positions] = key_states[:, :, 0]
        self.values[rows, :, cache.positions] = value_states[:, :, 0]
        count = len(rows)
        return self.keys[:count, :, : cache.longest], self.values[:count, :, : cache.longest]

    def move(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` positions of one slot over another."""
        assert self.keys is not None and self.values is not None
        self.keys[target, :, :length] = self.keys[source, :, :length]
        self.values[target, :, :length] = self.values[source, :, :length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.cache.longest, 0

    def get_seq_length(self) -> int:
        return self.cache.start if self.cache.prefill else self.cache.longest - 1

    def get_max_length(self) -> int:
        return self.cache.capacity


class SlotCache(Cache):
    """A fixed number of slots, each holding one sequence from position 0; the first n of them are in use."""

    def __init__(self, layers: int, slots: int, capacity: int) -> None:
        self.slots = slots
        self.capacity = capacity
        self.prefill: list[tuple[int, int]] = []  # (slot, tokens), in packed order
        self.start = 0  # tokens that the slot of a later chunk already holds
        self.rows = torch.empty(0, dtype=torch.long)
        self.positions = torch.empty(0, dtype=torch.long)
        self.longest = 0
        super().__init__(layers=[SlotLayer(self) for _ in range(layers)])

    def prefill_into(self, slots: list[int], lengths: list[int], start: int = 0) -> None:
        """The next forward call is a packed prefill into these slots; with `start`, a later chunk of a single one."""
        assert start == 0 or len(slots) == 1
        self.prefill = list(zip(slots, lengths, strict=True))
        self.start = start
        self.longest = start + max(lengths)

    def decode_at(self, lengths: list[int], device: torch.device) -> torch.Tensor:
        """The next forward call adds one token to each of the first slots, which hold `lengths`; their positions [B]."""
        self.prefill = []
        self.positions = torch.tensor(lengths, device=device)
        self.rows = torch.arange(len(lengths), device=device)
        self.longest = max(lengths) + 1
        return self.positions

    def move(self, source: int, target: int, length: int) -> None:
        """Moves one sequence of `length` tokens to another slot."""
        for layer in self.layers:
            layer.move(source, target, length)
