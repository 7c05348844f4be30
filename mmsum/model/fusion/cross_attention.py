"""Gated cross-attention between decoder layers, after Flamingo (Alayrac et al. 2022) and Llama 3.2 Vision.

Shapes: B rows of a batch, T text tokens, F figures of a row, P tokens of a figure (fusion/figures.py), S = F * P, Dv width of
a token, W width of the backbone, H and G its query and key/value heads, D its head width.

Each block adds ``tanh(gate) * attention(text -> patches)`` and ``tanh(gate) * mlp(text)`` to the hidden state. Gates
start at 0, so a new fusion leaves the backbone's logits bit for bit as they were. A row without figures gets exactly
nothing added, whatever the gates are. With a `choice_rank` each text token also weighs what it saw, value by value (gated
attention, Qiu et al. 2025): every figure token tells of the whole figure, and which of that counts only the text knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn

from mmsum.model.fusion.figures import FigureTokens, check_features
from mmsum.model.fusion.norm import RMSNorm
from mmsum.model.packing import Packing
from mmsum.model.torchstack import torch


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """What decides the shapes of a fusion. An export holds it for people to read; loading compares the weights themselves."""

    layers: tuple[int, ...]  # decoder layers that have a block before them
    patches: int  # P
    whole_width: int  # E
    vision_width: int  # Dv
    width: int  # W
    heads: int  # H
    kv_heads: int  # G
    head_width: int  # D
    mlp_width: int
    eps: float = 1e-5
    choice_rank: int = 0  # 0: all that is seen counts alike


@dataclass(frozen=True, slots=True)
class VisionState:
    """Keys and values of a batch's figures, computed once and read by every forward call of these rows.

    keys, values: one [B, G, S, D] per block. mask: [B, 1, 1, S], True where a figure token is real; a row without
    figures is True everywhere, so that its softmax is finite, and is left out by `present` [B].
    counts: real figure tokens of each row, always the first ones.
    """

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]
    mask: torch.Tensor
    present: torch.Tensor
    counts: tuple[int, ...]

    def part(self, start: int, stop: int) -> VisionState:
        """All of it: every part of a prompt may look at every figure."""
        return self


CHOICE_RATE = 16.0
"""How much faster than the other weights a choice learns. Looked at by hand, on hidden states and CLIP's vectors alone: which
way the line of a given colour goes was read right in 93 % of the cases after 40 steps of 64, in 70 % without a choice; at a
rate of 1 a choice is hardly faster than none (docs/log.md)."""


class Choice(nn.Module):
    """How much each value [G, D] that was seen counts for a text token, 0 to 2, by the token itself; at first 1."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.kv_heads, self.head_width = config.kv_heads, config.head_width
        self.down = nn.Linear(config.width, config.choice_rank, bias=False)
        self.up = nn.Linear(config.choice_rank, config.kv_heads * config.head_width, bias=False)

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        self.down.weight.normal_(0, 0.05, generator=generator)
        self.up.weight.zero_()

    def forward(self, text: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """text [B, T, W], what its tokens saw [B, H, T, D] -> what counts of that, the same shape."""
        rows, tokens, _ = text.shape
        weights = 2 * torch.sigmoid(CHOICE_RATE * self.up(self.down(text)))
        weights = weights.view(rows, tokens, self.kv_heads, self.head_width).transpose(1, 2)
        # Query heads that share their values share the weights of those.
        return (seen.unflatten(1, (self.kv_heads, -1)) * weights[:, :, None]).flatten(1, 2)


class GatedCrossAttention(nn.Module):
    """One block: text [B, T, W] looks at patch keys and values, then passes a gated MLP."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.head_width
        self.attention_norm = RMSNorm(config.width, eps=config.eps)
        self.query = nn.Linear(config.width, config.heads * config.head_width, bias=False)
        self.key = nn.Linear(config.vision_width, config.kv_heads * config.head_width, bias=False)
        self.value = nn.Linear(config.vision_width, config.kv_heads * config.head_width, bias=False)
        self.query_norm = RMSNorm(config.head_width, eps=config.eps)
        self.key_norm = RMSNorm(config.head_width, eps=config.eps)
        self.choice = Choice(config) if config.choice_rank else None
        self.output = nn.Linear(config.heads * config.head_width, config.width, bias=False)
        self.mlp_norm = RMSNorm(config.width, eps=config.eps)
        self.up = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)
        # [1], not a scalar: DeepSpeed's ZeRO partitions cannot hold 0-dimensional parameters.
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.mlp_gate = nn.Parameter(torch.zeros(1))

    def keys_and_values(self, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """patches [B, S, Dv] -> keys and values, [B, G, S, D] each."""
        heads = (*patches.shape[:2], self.kv_heads, self.head_width)
        key = self.key_norm(self.key(patches).view(heads))
        return key.transpose(1, 2), self.value(patches).view(heads).transpose(1, 2)

    def forward(
        self, hidden: torch.Tensor, vision: VisionState, block: int, packing: Packing | None = None
    ) -> torch.Tensor:
        """hidden [B, T, W] (or packed, [1, T, W], with `packing.lengths`) -> the same shape."""
        lengths = packing.lengths if packing else ()
        if lengths:
            return torch.cat(
                [
                    self._look(part, vision, block, row) if vision.counts[row] else part
                    for row, part in enumerate(hidden.split(lengths, dim=1))
                ],
                dim=1,
            )
        return self._look(hidden, vision, block)

    def _look(self, hidden: torch.Tensor, vision: VisionState, block: int, row: int | None = None) -> torch.Tensor:
        """All rows at once, or `hidden` [1, T, W] as row `row`, whose padding is then cut off instead of masked."""
        keys, values = vision.keys[block], vision.values[block]
        mask: torch.Tensor | None = vision.mask
        if row is not None:
            count = vision.counts[row]
            keys, values, mask = keys[row : row + 1, :, :count], values[row : row + 1, :, :count], None
        rows, tokens, _ = hidden.shape
        text = self.attention_norm(hidden)
        query = self.query(text).view(rows, tokens, self.heads, self.head_width)
        # Query heads that share keys stand behind each other as tokens: with a mask CUDA's kernels know no shared heads, and
        # the one that is left writes all scores down.
        folded = self.query_norm(query).transpose(1, 2).reshape(rows, self.kv_heads, -1, self.head_width)
        seen = F.scaled_dot_product_attention(folded, keys, values, attn_mask=mask)
        seen = seen.view(rows, self.heads, tokens, self.head_width)
        if self.choice is not None:
            seen = self.choice(text, seen)
        added = self.output(seen.transpose(1, 2).reshape(rows, tokens, -1))
        # Gates are float32 while they train; the hidden state keeps its own dtype.
        hidden = hidden + self.attention_gate.tanh().to(hidden.dtype) * _only(vision, row, added)
        added = self.down(F.silu(self.up(self.mlp_norm(hidden))))
        return hidden + self.mlp_gate.tanh().to(hidden.dtype) * _only(vision, row, added)


def _only(vision: VisionState, row: int | None, added: torch.Tensor) -> torch.Tensor:
    """Zero for rows without figures; `where` rather than a product, so that no NaN can pass."""
    if row is not None or all(vision.counts):
        return added
    return torch.where(vision.present[:, None, None], added, 0)


class CrossAttentionFusion(nn.Module):
    """All blocks, and what turns figure tokens into their keys and values."""

    prompt_only = False
    soft_tokens = 0

    def __init__(self, config: FusionConfig, seed: int, gate: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.tokens = FigureTokens(config.vision_width, config.patches, config.whole_width, config.eps)
        self.blocks = nn.ModuleList(GatedCrossAttention(config) for _ in config.layers)
        self._initialize(seed, gate)

    @torch.no_grad()
    def _initialize(self, seed: int, gate: float) -> None:
        """The same seed gives the same weights, whatever else drew random numbers. Norms keep 1; tanh(`gate`) opens gates."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.02, generator=generator)
            elif isinstance(module, GatedCrossAttention):
                module.attention_gate.fill_(gate)
                module.mlp_gate.fill_(gate)
        for module in self.blocks.modules():
            if isinstance(module, Choice):
                module.initialize(generator)
        self.tokens.initialize(generator)

    @torch.no_grad()
    def open(self, gate: float) -> None:
        """Opens attention gates that are not as far open as `gate`: behind one that has nearly shut, what the MLP reads is
        mostly text, and what a figure shows is learned slowly (docs/log.md)."""
        for block in self.blocks:
            found: torch.Tensor = block.attention_gate  # type: ignore[assignment]
            found.copy_(
                torch.where(found.abs() < gate, torch.where(found < 0, -gate, gate), found)
            )  # its sign was learned

    @property
    def gates(self) -> list[float]:
        """tanh of every gate, attention and MLP of block 0, of block 1, ..."""
        gates = [gate for block in self.blocks for gate in (block.attention_gate, block.mlp_gate)]
        return torch.cat([gate.detach().float() for gate in gates]).tanh().tolist()  # type: ignore

    def state(self, features: torch.Tensor, figures: Sequence[int]) -> VisionState:
        """features [B, F, P, Dv], padded behind the figures[b] real ones of each row -> what the blocks look at.

        Raises ValueError for more than MAX_FIGURES figures in a row, or features of another shape.
        """
        check_features(features, figures, self.config.patches, self.config.vision_width)
        _, most, patches, _ = features.shape
        keys, values = self(features)
        counts = tuple(count * patches for count in figures)
        mask, present = _mask(counts, most * patches, features.device)
        return VisionState(keys, values, mask, present, counts)

    def forward(self, features: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        """features [B, F, P, Dv] -> keys and values [B, G, S, D], one of each per block.

        Plain tuples: ZeRO-3 hooks itself into the tensors that a module returns, and finds no others.
        """
        rows, most, patches, width = features.shape
        tokens = self.tokens(features).view(rows, most * patches, width)
        pairs = [block.keys_and_values(tokens) for block in self.blocks]  # type: ignore
        return tuple(key for key, _ in pairs), tuple(value for _, value in pairs)

    @staticmethod
    def stack(states: Sequence[VisionState | None]) -> VisionState | None:
        """One-row states (None: a row without figures) as one state of all rows, padded; None when no row has figures."""
        some = next((state for state in states if state is not None), None)
        if some is None:
            return None
        counts = tuple(state.counts[0] if state else 0 for state in states)
        longest = max(counts)

        def pad(parts: Sequence[tuple[torch.Tensor, ...] | None], block: int) -> torch.Tensor:
            _, heads, _, width = some.keys[0].shape
            out = some.keys[0].new_zeros(len(parts), heads, longest, width)
            for row, part in enumerate(parts):
                if part is not None:
                    out[row, :, : counts[row]] = part[block][0, :, : counts[row]]
            return out

        blocks = range(len(some.keys))
        keys = tuple(pad([s.keys if s else None for s in states], block) for block in blocks)
        values = tuple(pad([s.values if s else None for s in states], block) for block in blocks)
        mask, present = _mask(counts, longest, some.mask.device)
        return VisionState(keys, values, mask, present, counts)


def _mask(counts: tuple[int, ...], longest: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    real = torch.tensor(counts, device=device)
    present = real > 0
    mask = torch.arange(longest, device=device) < torch.where(present, real, longest)[:, None]
    return mask[:, None, None], present
