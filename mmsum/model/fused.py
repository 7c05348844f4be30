"""The composite: a frozen backbone that sees figures through trained cross-attention or as soft tokens in its prompt.

Shapes: B rows, T tokens, N images, F figures of a row, P tokens of a figure (CLIP's vector of the whole image, then its
patches), Dv their width, V the vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.model import checkpoint, lora
from mmsum.model.backbone import auto_dtype, load_backbone
from mmsum.model.depthwise import quicken_depthwise
from mmsum.model.fusion.cross_attention import CrossAttentionFusion, FusionConfig, VisionState
from mmsum.model.fusion.prefix import PrefixConfig, PrefixFusion, PrefixState, embed
from mmsum.model.manifest import as_exported, export_folder, read_manifest
from mmsum.model.skinny import make_skinny
from mmsum.model.torchstack import torch
from mmsum.model.vision import VisionTower, load_vision

VISION = "vision_state"
"""Keyword under which a batch's VisionState travels through the backbone's forward to the decoder layers."""

ENCODE_BATCH = 32  # images per pass of the vision tower; bounds its activations, larger is no faster on two cores


Fusion = CrossAttentionFusion | PrefixFusion
FigureState = VisionState | PrefixState
"""What a fusion makes of a batch's figures."""


class FusedModel(nn.Module):
    """backbone: any Hugging Face causal LM, frozen. vision: the tower. fusion: blocks between its layers, or a resampler.

    trained is True when a loaded export holds a fusion, and its gates are open where it has any; only then can text
    depend on figures. fingerprint (16 hex digits) identifies backbone, tower and fusion weights, backbone_fingerprint the
    backbone's files, vision_fingerprint the weights that the tower came with (its own, or those of an export).
    """

    def __init__(
        self,
        backbone: nn.Module,
        tokenizer: Any,
        vision: VisionTower,
        fusion: Fusion,
        fingerprint: str = "",
    ) -> None:
        super().__init__()
        self.backbone, self.tokenizer, self.vision, self.fusion = backbone, tokenizer, vision, fusion
        self.backbone_fingerprint = self.fingerprint = fingerprint
        self.vision_fingerprint = ""
        self.trained = False
        backbone.requires_grad_(False)
        if isinstance(fusion, CrossAttentionFusion):
            layers = decoder_layers(backbone)
            blocks = {layer: block for block, layer in enumerate(fusion.config.layers)}
            for index, layer in enumerate(layers):
                hook = partial(_look_at_figures, fusion, blocks.get(index))
                layer.register_forward_pre_hook(hook, with_kwargs=True)
            self._check_layers_get_keywords(len(layers))
        self.eval()

    @property
    def sees(self) -> bool:
        """Whether figures are worth showing: new soft tokens, unlike closed gates, would only disturb the text."""
        return self.trained or not self.fusion.soft_tokens

    @property
    def clip(self) -> nn.Module:
        return self.vision.clip

    @property
    def device(self) -> torch.device:
        """The tower's, for CLIP learns without the language model."""
        return next(self.vision.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.backbone.parameters()).dtype

    def train(self, mode: bool = True) -> FusedModel:
        """Train mode is for tower and fusion; the frozen backbone stays in eval mode (no dropout)."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        vision: FigureState | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """input_ids [B, T] -> logits [B, T, V]. Without `vision` this is the backbone alone.

        past_key_values (a transformers cache) is filled in place; other keywords go to the backbone.
        """
        if isinstance(vision, PrefixState):
            kwargs["inputs_embeds"] = embed(self.backbone.get_input_embeddings(), input_ids, vision)  # type: ignore[operator]
        else:
            kwargs["input_ids"] = input_ids
            if vision is not None:
                kwargs[VISION] = vision
        output = self.backbone(
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            use_cache=past_key_values is not None,
            **kwargs,
        )
        logits: torch.Tensor = output.logits
        return logits

    @torch.inference_mode()
    def encode_figures(self, images: Sequence[bytes]) -> list[torch.Tensor | None]:
        """Encoded images -> their tokens [P, Dv] each, in order; None for an image that cannot be decoded."""
        features: list[torch.Tensor | None] = [None] * len(images)
        for start in range(0, len(images), ENCODE_BATCH):
            pixels = [self.vision.pixels(image) for image in images[start : start + ENCODE_BATCH]]
            good = [index for index, image in enumerate(pixels) if image is not None]
            if not good:
                continue
            batch = torch.stack([image for image in pixels if image is not None]).to(self.device)
            for index, tokens in zip(good, self.figure_tokens(batch), strict=True):
                features[start + index] = tokens
        return features

    def figure_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels [N, 3, S, S] -> [N, P, Dv] in the backbone's dtype. Differentiable; tower weights are float32."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return self.vision(pixels).to(self.dtype)

    def vision_state(self, features: torch.Tensor, figures: Sequence[int]) -> FigureState:
        """features [B, F, P, Dv], padded behind the figures[b] real ones of each row -> what forward takes. Differentiable."""
        state: FigureState = self.fusion.state(features.to(self.device, self.dtype), figures)
        return state

    def stack(self, states: Sequence[FigureState | None]) -> FigureState | None:
        """vision_state's of single rows (None: a row without figures) as one of all rows; None when no row has figures."""
        stacked: FigureState | None = self.fusion.stack(states)  # type: ignore[arg-type]
        return stacked

    @torch.no_grad()
    def _check_layers_get_keywords(self, layers: int) -> None:
        """Raises ConfigError when the backbone does not pass keywords on to its decoder layers."""
        probe = _Probe()
        token = torch.zeros(1, 1, dtype=torch.long, device=next(self.backbone.parameters()).device)
        try:
            self.backbone(input_ids=token, **{VISION: probe})
        except TypeError as error:
            if VISION not in str(error):
                raise
        if probe.layers != layers:
            raise ConfigError(
                f"model.backbone: {type(self.backbone).__name__} passes no keywords to its decoder layers "
                f"({probe.layers} of {layers} got them), so figures cannot reach them; set model.fusion: prefix, which "
                "needs no such thing, or choose another backbone"
            )


class _Probe:
    """Stands in for a VisionState and counts the layers that it reaches."""

    layers = 0


def _in_one_piece(head: nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """The last positions of several rows are no contiguous matrix, and torch then copies the vocabulary's frozen weights once a
    row: a third of a training step of the pocket model."""
    return (args[0].contiguous(),)


def _look_at_figures(
    fusion: CrossAttentionFusion, block: int | None, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Runs before every decoder layer; takes the vision state out of its keywords and applies the layer's block."""
    vision = kwargs.get(VISION)
    if vision is None:
        return None
    kwargs = {name: value for name, value in kwargs.items() if name != VISION}
    if isinstance(vision, _Probe):
        vision.layers += 1
    elif block is not None:
        packing = kwargs.get("packing")
        if args:
            args = (fusion.blocks[block](args[0], vision, block, packing), *args[1:])
        else:
            hidden = fusion.blocks[block](kwargs["hidden_states"], vision, block, packing)
            kwargs["hidden_states"] = hidden
    return args, kwargs


def decoder_layers(backbone: nn.Module) -> nn.ModuleList:
    """The backbone's list of decoder layers. Raises ConfigError where there is none."""
    count = text_config(backbone).num_hidden_layers
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ConfigError(
        f"model.backbone: {type(backbone).__name__} has no list of {count} decoder layers; choose a decoder-only model"
    )


def text_config(backbone: nn.Module) -> Any:
    """The language part of a backbone's config."""
    config: Any = backbone.config
    return config.get_text_config(decoder=True)


def context_of(backbone: nn.Module) -> int | None:
    """The tokens for which the backbone knows places; None where it does not say."""
    found: int | None = getattr(text_config(backbone), "max_position_embeddings", None)
    return found


def check_context(backbone: nn.Module, tokens: int) -> None:
    """Raises ConfigError where calls of `tokens` are longer than the backbone knows places for."""
    context = context_of(backbone)
    if context and tokens > context:
        raise ConfigError(
            f"generation.context_tokens: {tokens} is more than the backbone's context of {context}; lower it to that or less"
        )


def fusion_config(backbone: nn.Module, model: Model, patches: int, vision_width: int, whole_width: int) -> FusionConfig:
    """Widths and heads of the backbone, a block before every `fusion_every`-th decoder layer. Raises ConfigError if none."""
    config, every = text_config(backbone), model.fusion_every
    layers = tuple(range(every - 1, config.num_hidden_layers, every))
    if not layers:
        raise ConfigError(
            f"model.fusion_every: {every} is more than the backbone's {config.num_hidden_layers} layers; lower it"
        )
    heads = getattr(config, "num_attention_heads", None)
    if not heads:
        raise ConfigError(
            f"model.backbone: {type(backbone).__name__} has no attention heads that blocks could share the shape of; "
            "set model.fusion: prefix, or choose another backbone"
        )
    return FusionConfig(
        layers=layers,
        patches=patches,
        whole_width=whole_width,
        vision_width=vision_width,
        width=config.hidden_size,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        mlp_width=model.fusion_mlp or getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        choice_rank=model.fusion_choice,
    )


def build_fusion(model: Model, backbone: nn.Module, vision: VisionTower, seed: int, gate: float = 0.0) -> Fusion:
    """The fusion that `model.fusion` names, new. Raises ConfigError where it does not fit the backbone."""
    if model.fusion == "cross_attention":
        return CrossAttentionFusion(
            fusion_config(backbone, model, vision.patches, vision.width, vision.whole_width), seed, gate
        )
    if not model.prefix_layers and model.prefix_tokens != vision.patches:
        raise ConfigError(
            f"model.prefix_tokens: with model.prefix_layers: 0 each of the tower's {vision.patches} tokens is a soft "
            f"token, and not {model.prefix_tokens}; set it to {vision.patches}, or give the resampler a layer"
        )
    # What stands in a prompt, not the table of it: Gemma 3 makes it larger, and OPT's may be narrower than its layers.
    table: Any = backbone.get_input_embeddings()  # type: ignore[operator]
    with torch.no_grad():
        embedded = table(torch.arange(len(table.weight), device=table.weight.device)).float()
    width = embedded.shape[1]
    most = max(1, width // 64)
    return PrefixFusion(
        PrefixConfig(
            patches=vision.patches,
            whole_width=vision.whole_width,
            vision_width=vision.width,
            width=width,
            tokens=model.prefix_tokens,
            layers=model.prefix_layers,
            heads=next(heads for heads in range(most, 0, -1) if width % heads == 0),
            rms=float(embedded.square().mean().sqrt()),
        ),
        seed,
    )


def load_fused(
    model: Model,
    *,
    device: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    train: bool = False,
    gate: float = 0.0,
) -> FusedModel:
    """Builds what `model` names: on a GPU where there is one, in eval mode, with new adapters drawn from `seed`.

    With model.export, tower, fusion and LoRA are those of the export, whatever else model says. threads: torch's CPU
    threads, for the whole process. train: adapters stay float32, and linear layers stay those of torch. gate: where
    new gates start, and the least that attention gates of an export are open. Raises PresetError for missing packages,
    files and weights that do not fit, and ConfigError for models that cannot be joined.
    """
    if threads:
        torch.set_num_threads(threads)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = auto_dtype(model.dtype, place, train)
    manifest = read_manifest(export_folder(model)) if model.export else None
    model = as_exported(model, manifest)
    backbone, tokenizer, backbone_id = load_backbone(model, place, dtype)
    if manifest and manifest.backbone_fingerprint != backbone_id:
        raise PresetError(
            f"model.export: {model.export} was trained on the backbone {manifest.backbone} "
            f"({manifest.backbone_fingerprint}), this is {model.backbone} ({backbone_id}); set model.backbone to that"
        )
    if (head := backbone.get_output_embeddings()) is not None:  # type: ignore[operator]
        head.register_forward_pre_hook(_in_one_piece)
    vision, vision_id = load_vision(model, seed, weights=manifest is None)
    if model.lora_rank:
        lora.inject(backbone, model.lora_rank, seed)
    fusion = build_fusion(model, backbone, vision, seed, gate)
    fused = FusedModel(backbone, tokenizer, vision, fusion, backbone_id)
    weights_id = f"{vision_id}:{model.fusion}:{model.fusion_every}:{model.fusion_mlp}:{model.fusion_choice}:{seed}"
    if manifest:
        weights_id = checkpoint.load_weights(fused, export_folder(model))
        vision_id = weights_id
        fused.trained = "fusion" in manifest.parts and (any(fusion.gates) or fusion.soft_tokens > 0)
        if gate and isinstance(fusion, CrossAttentionFusion):
            fusion.open(gate)
    fused.to(place)
    if model.lora_rank and not train:
        lora.merge(backbone)
    if not train:
        fusion.to(dtype)
    if train and place.type == "cpu" and dtype == torch.bfloat16:
        quicken_depthwise(vision)
    if not train and place.type == "cpu" and dtype == torch.float32:
        make_skinny(backbone)
        make_skinny(fusion)
    fused.vision_fingerprint = hashlib.sha256(vision_id.encode()).hexdigest()[:16]
    fused.fingerprint = hashlib.sha256(f"{backbone_id}:{dtype}:{weights_id}".encode()).hexdigest()[:16]
    return fused
