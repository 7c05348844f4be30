"""Decoding for backbones that packed attention does not fit: left-padded batches and transformers' own cache."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mmsum.model.torchstack import torch, transformers

if TYPE_CHECKING:
    from mmsum.generation.engine import Engine, Row


def decode(engine: Engine, waiting: list[Row]) -> None:
    """Fills the rows' tokens, batch after batch. `waiting` is sorted by length, so padding stays small."""
    rows = [row for row in waiting if row.request.max_new_tokens > 0]
    for start in range(0, len(rows), engine.batch_size):
        _decode_batch(engine, rows[start : start + engine.batch_size])


def _decode_batch(engine: Engine, rows: list[Row]) -> None:
    model, device = engine.model, engine.model.device
    longest = max(len(row.request.prompt) for row in rows)
    padding = [longest - len(row.request.prompt) for row in rows]
    tokens = torch.tensor(
        [[0] * pad + row.request.prompt for pad, row in zip(padding, rows, strict=True)], device=device
    )
    mask = (torch.arange(longest) >= torch.tensor(padding)[:, None]).long().to(device)
    cache = transformers.DynamicCache(config=model.backbone.config)
    accepted = inspect.signature(model.backbone.forward).parameters
    for row in rows:
        row.vision = engine.vision_state(row.request)
    vision = model.stack([row.vision for row in rows])
    while True:
        extra: dict[str, Any] = {}
        if "position_ids" in accepted:
            extra["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        if "logits_to_keep" in accepted:
            extra["logits_to_keep"] = 1
        logits = model(tokens, mask, vision=vision, past_key_values=cache, **extra)
        engine.write(rows, logits[:, -1])
        keep = [
            index for index, row in enumerate(rows) if not row.finished and len(row.tokens) < row.request.max_new_tokens
        ]
        if not keep:
            return
        if len(keep) < len(rows):
            kept = torch.tensor(keep, device=device)
            cache.batch_select_indices(kept)
            mask = mask[kept]
            rows = [rows[index] for index in keep]
            vision = model.stack([row.vision for row in rows])
        if model.fusion.prompt_only:
            vision = None
        tokens = torch.tensor([[row.tokens[-1]] for row in rows], device=device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
