"""Soft tokens in the prompt: a perceiver resampler (Jaegle et al. 2021; Flamingo) turns each figure into a few of them.

It works in the backbone's width, as Idefics2's does (Laurencon et al. 2024): a feature map is often twice as wide, and layers
grow with the square. With no layers there are no latents either: every figure token becomes a soft token by an MLP, as in
LLaVA-1.5 (Liu et al. 2023); N is P.

Shapes: B rows of a batch, F figures of a row, P tokens of a figure, Dv their width, N soft tokens of a figure, W
width of the backbone, K soft tokens of a row.

The prompt keeps N places for each figure, where its caption stands: the token id PLACE, which no tokenizer has. They are
filled in order. What the backbone makes of them is a matter of training: mostly LoRA's, beside the resampler's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn

from mmsum.model.fusion.figures import FigureTokens, check_features
from mmsum.model.fusion.norm import RMSNorm
from mmsum.model.places import PLACE
from mmsum.model.torchstack import torch


@dataclass(frozen=True, slots=True)
class PrefixConfig:
    """What decides the shapes of a fusion. An export holds it for people to read; loading compares the weights themselves."""

    patches: int  # P
    whole_width: int  # E
    vision_width: int  # Dv
    width: int  # W
    tokens: int  # N
    layers: int  # 0: N is P
    heads: int
    rms: float  # of the backbone's token embeddings: new soft tokens are as large
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class PrefixState:
    """The soft tokens of a batch, [K, W] for each row.

    unused: a zero that hangs on the resampler where no row has figures, so that its gradients are zero and not missing.
    """

    rows: tuple[torch.Tensor, ...]
    unused: torch.Tensor | None = None

    def part(self, start: int, stop: int) -> PrefixState:
        """Of a single row, the soft tokens from `start` to `stop`."""
        (row,) = self.rows
        return PrefixState((row[start:stop],))


class ResamplerLayer(nn.Module):
    """Latents [R, N, W] look at patches [R, P, W] and at themselves, then pass an MLP."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.latent_norm = RMSNorm(width, eps=config.eps)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.mlp_norm = RMSNorm(width, eps=config.eps)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, latents: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """-> [R, N, W]."""
        normed = self.latent_norm(latents)
        seen = torch.cat([patches, normed], dim=1)
        query, key, value = (self._heads(t) for t in (self.query(normed), self.key(seen), self.value(seen)))
        added = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(latents.shape)
        latents = latents + self.output(added)
        return latents + self.down(F.silu(self.up(self.mlp_norm(latents))))

    def _heads(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class PrefixFusion(nn.Module):
    """Patch tokens of each figure -> N soft tokens of the backbone's width."""

    prompt_only = True
    gates: tuple[float, ...] = ()

    def __init__(self, config: PrefixConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.tokens = FigureTokens(config.vision_width, config.patches, config.whole_width, config.eps)
        self.input = nn.Linear(config.vision_width, config.width, bias=False)
        if config.layers:
            self.latents = nn.Parameter(torch.zeros(config.tokens, config.width))
        self.layers = nn.ModuleList(ResamplerLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, eps=config.eps)
        self.output = nn.Linear(config.width, config.width, bias=False)
        self.output_norm = RMSNorm(config.width, eps=config.eps)
        self._initialize(seed)

    @torch.no_grad()
    def _initialize(self, seed: int) -> None:
        """The same seed gives the same weights, whatever else drew random numbers."""
        generator = torch.Generator().manual_seed(seed)
        if self.config.layers:
            self.latents.normal_(0, 1, generator=generator)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, module.in_features**-0.5, generator=generator)
        self.tokens.initialize(generator)
        self.output_norm.weight.fill_(self.config.rms)

    @property
    def soft_tokens(self) -> int:
        """Places that a figure takes in the prompt."""
        return self.config.tokens

    def state(self, features: torch.Tensor, figures: Sequence[int]) -> PrefixState:
        """features [B, F, P, Dv], padded behind the figures[b] real ones of each row -> their soft tokens.

        Raises ValueError for more than MAX_FIGURES figures in a row, or features of another shape.
        """
        check_features(features, figures, self.config.patches, self.config.vision_width)
        tokens = self(features)
        unused = None if any(figures) else tokens.sum() * 0.0
        return PrefixState(tuple(row[:count].flatten(0, 1) for row, count in zip(tokens, figures, strict=True)), unused)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """features [B, F, P, Dv] -> soft tokens [B, F, N, W]."""
        rows, most, patches, width = features.shape
        tokens = self.input(self.tokens(features).view(rows * most, patches, width))
        latents = self.latents.to(tokens.dtype).expand(rows * most, -1, -1) if self.config.layers else F.gelu(tokens)
        for layer in self.layers:
            latents = layer(latents, tokens)
        soft = self.output_norm(self.output(self.norm(latents)))
        return soft.view(rows, most, *soft.shape[1:])

    @staticmethod
    def stack(states: Sequence[PrefixState | None]) -> PrefixState | None:
        """One-row states (None: a row without figures) as one state of all rows; None when no row has figures."""
        some = next((state for state in states if state is not None), None)
        if some is None:
            return None
        empty = some.rows[0][:0]
        return PrefixState(tuple(state.rows[0] if state else empty for state in states))


def embed(embedding: nn.Module, ids: torch.Tensor, state: PrefixState) -> torch.Tensor:
    """Token embeddings of ids [B, T], the places filled in order by the rows' soft tokens: [B, T, W].

    Raises ValueError, with both numbers, where places and soft tokens differ.
    """
    places = ids == PLACE
    tokens = torch.cat(state.rows)
    if (count := int(places.sum())) != len(tokens):
        raise ValueError(f"the prompts have {count} places for figures, and the figures fill {len(tokens)}")
    embedded: torch.Tensor = embedding(ids.clamp(min=0))
    embedded = embedded.masked_scatter(places[..., None], tokens.to(embedded.dtype))
    return embedded if state.unused is None else embedded + state.unused.to(embedded.dtype)
