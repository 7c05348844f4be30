"""The vision tower: any open_clip model, or a timm trunk under open_clip; encoded images in, figure tokens out.

Figure tokens are CLIP's own vector of the whole image, which contrast has taught to tell what figures show, and behind it
the patch tokens. Shapes: N images, S the side of the square input in pixels, P tokens of one image, Dv their width, E that
of CLIP's common space.
"""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import torch.nn.functional as F
from torch import nn

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.images import square_image
from mmsum.model.backbone import fingerprint
from mmsum.model.files import locate, names_a_file
from mmsum.model.tensors import TORN, read_tensors
from mmsum.model.torchstack import open_clip, torch

# The text side of a timm tower's CLIP starts random and is only used for contrastive training: small and short on purpose.
_TEXT = {"context_length": 40, "width": 128, "heads": 2, "layers": 3}
_EMBED = 256
_WHOLE_TEXTS = 4096
_SQUEEZED = 64


class VisionTower(nn.Module):
    """`clip` is the whole open_clip model (its text side serves contrastive training); figure tokens come from its
    image side. Parameters stay float32; on GPUs the products run in the caller's autocast dtype."""

    def __init__(self, clip: nn.Module, image_size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.clip = clip
        self.image_size = image_size
        self.mean, self.std = tuple(mean), tuple(std)
        self.eval()
        with torch.no_grad():
            whole, patches = self._see(torch.zeros(1, 3, image_size, image_size))
        self.whole_width = whole.shape[1]
        self.patches, self.width = 1 + patches.shape[1], max(whole.shape[1], patches.shape[2])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels [N, 3, S, S], normalized -> figure tokens [N, P, Dv], the first being CLIP's vector, padded with zeros."""
        whole, patches = self._see(pixels)
        whole = F.normalize(whole.float(), dim=-1) * whole.shape[-1] ** 0.5  # as large as a normed patch token
        whole, patches = (F.pad(tokens, (0, self.width - tokens.shape[-1])) for tokens in (whole, patches))
        return torch.cat([whole[:, None].to(patches.dtype), patches], dim=1)

    def _see(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """CLIP's vectors [N, E] and the patch tokens behind them."""
        visual: Any = self.clip.visual
        # As `normalize` leaves a batch; stacked single images are not. CPUs are slow at depthwise convolutions otherwise.
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        if hasattr(visual, "trunk"):
            tokens = visual.trunk.forward_features(pixels)
            whole = visual.head(visual.trunk.forward_head(tokens))
            if tokens.ndim == 3:  # a transformer: leave out class and register tokens
                return whole, tokens[:, getattr(visual.trunk, "num_prefix_tokens", 0) :]
            if getattr(visual.trunk, "output_fmt", "NCHW") == "NHWC":  # Swin and its like
                return whole, tokens.flatten(1, 2)
        else:
            normed = getattr(visual, "attn_pool", None) is None  # CoCa's last norm is as wide as what it pools into
            seen = visual.forward_intermediates(pixels, indices=1, normalize_intermediates=normed, output_fmt="NCHW")
            whole, tokens = seen["image_features"], seen["image_intermediates"][-1]
        return whole, tokens.flatten(2).transpose(1, 2)

    def train(self, mode: bool = True) -> VisionTower:
        """It always stays in eval mode, also where it learns: batch statistics would let one document's figures change
        another's, and what a tower drops would be something else in every worker, and at every look."""
        return super().train(False)

    def pixels(self, image: bytes) -> torch.Tensor | None:
        """An encoded image as normalized pixels [3, S, S]; None when it cannot be decoded."""
        square = square_image(image, self.image_size)
        return None if square is None else self.normalize(torch.from_numpy(square))

    def normalize(self, squares: torch.Tensor) -> torch.Tensor:
        """uint8 [..., S, S, 3] -> float32 [..., 3, S, S] as the tower wants them, on the same device."""
        mean = torch.tensor(self.mean, device=squares.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=squares.device).view(3, 1, 1)
        return (squares.movedim(-1, -3).float() / 255.0 - mean) / std


def load_vision(config: Model, seed: int, weights: bool = True) -> tuple[VisionTower, str]:
    """The tower that `config` names, on the CPU, and a string that identifies its weights.

    weights=False leaves them random, for a caller that loads an export over them. Raises ConfigError for an unknown
    name and PresetError for weights that are missing or do not fit.
    """
    if not config.vision:
        raise ConfigError("model.vision: empty; choose a preset (--preset pocket) or name an open_clip model")
    wanted = config.vision_weights if weights else ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # towers are initialized from the global generator
        build = _timm_tower if config.vision.startswith("timm:") else _open_clip_tower
        tower = build(config, wanted)
    identity = f"random:{seed}"
    if wanted:
        revision = f"@{config.vision_revision}" if config.vision_revision else ""
        is_file = names_a_file(wanted)
        identity = fingerprint(locate(wanted, "model.vision_weights")) if is_file else f"{wanted}{revision}"
    return tower, f"{config.vision}:{identity}:{config.image_size}"


def _timm_tower(config: Model, weights: str) -> VisionTower:
    name = config.vision.removeprefix("timm:")
    vision = open_clip.CLIPVisionCfg(timm_model_name=name, image_size=config.image_size, timm_pool="")
    try:
        clip = open_clip.CLIP(_EMBED, vision, open_clip.CLIPTextCfg(**_TEXT))
    except RuntimeError as error:
        import timm

        near = difflib.get_close_matches(name, timm.list_models(), n=1, cutoff=0.0)
        raise ConfigError(f"model.vision: timm cannot build {name} ({error}); the nearest is {near[0]}") from error
    clip.whole_texts = WholeTexts(_WHOLE_TEXTS, _EMBED)
    trunk = clip.visual.trunk
    if weights:
        path = locate(weights, "model.vision_weights")
        source = read_tensors(path, "model.vision_weights")
        trunk.load_state_dict(map_by_order(source, trunk.state_dict(), str(path)))
    try:
        clip.visual.set_input_size(config.image_size)
        _pool_by_place(clip.visual, config.image_size)
        return VisionTower(clip, config.image_size, trunk.pretrained_cfg["mean"], trunk.pretrained_cfg["std"])
    except (
        RuntimeError,
        AttributeError,
        AssertionError,
    ) as error:  # it has several branches, or its head other channels
        line = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"model.vision: no figure tokens can be made with {name} at model.image_size: {config.image_size} ({line}); choose "
            "another trunk or size"
        ) from error


class WholeTexts(nn.Module):
    """A vector of its own for every text, by hash, beside what the text side makes of its words.

    A text side that starts random adds words up long before it combines them, and sums cannot tell "largest 2 of 4" less
    "largest 3 of 4" from the same with "smallest" (docs/log.md).
    """

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(places, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        """[N, E] of N texts."""
        places = [crc32(text.encode()) % self.table.num_embeddings for text in texts]
        found: torch.Tensor = self.table(torch.tensor(places, device=self.table.weight.device))
        return found


class _PoolByPlace(nn.Module):
    """A feature map [N, C, H, W] as one vector [N, E] that knows places: few channels, all cells side by side."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, _SQUEEZED, 1)
        self.norm = nn.LayerNorm(_SQUEEZED * cells)
        self.project = nn.Linear(_SQUEEZED * cells, _EMBED)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self.project(self.norm(self.squeeze(features).flatten(1)))
        return pooled


def _pool_by_place(visual: nn.Module, side: int) -> None:
    """What a convolutional trunk shows is pooled for CLIP with its places, not averaged: an average takes the second bar for
    the fourth, and attention with one query learns places more slowly (docs/log.md). Transformers keep their own
    pooling, and so do maps with channels last."""
    trunk: Any = visual.trunk
    with torch.no_grad():
        features = trunk.eval().forward_features(torch.zeros(1, 3, side, side))
    if features.ndim == 4 and getattr(trunk, "output_fmt", "NCHW") == "NCHW":
        trunk.reset_classifier(0, global_pool="")
        with torch.no_grad():
            features = trunk.forward_head(features)  # MobileNetV4's has a convolution before its classifier
        pool = _PoolByPlace(features.shape[1], features.shape[2] * features.shape[3])
        visual.head = nn.Sequential(OrderedDict(pool=pool))


def map_by_order(
    source: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor], where: str
) -> dict[str, torch.Tensor]:
    """`source`'s tensors under `target`'s keys: by name where all names agree, else by order, every shape checked.

    A trailing classifier (weight and bias) of the source is left out. Raises PresetError naming the first two
    tensors that do not fit.
    """
    if set(target) <= set(source):
        pairs = [(key, source[key], key) for key in target]
    else:
        if len(source) - len(target) not in (0, 2):
            raise PresetError(
                f"model.vision_weights: {where} holds {len(source)} tensors where the tower has {len(target)}; "
                "they are of another architecture, name the weights that belong to model.vision"
            )
        pairs = [(t, tensor, s) for t, (s, tensor) in zip(target, source.items(), strict=False)]
    for key, tensor, source_key in pairs:
        if tensor.shape != target[key].shape:
            raise PresetError(
                f"model.vision_weights: {where}: {source_key} is {list(tensor.shape)} where the tower's {key} is "
                f"{list(target[key].shape)}; name the weights that belong to model.vision"
            )
    return {key: tensor for key, tensor, _ in pairs}


def _open_clip_tower(config: Model, weights: str) -> VisionTower:
    known = open_clip.list_models()
    if config.vision not in known:
        near = difflib.get_close_matches(config.vision, known, n=1, cutoff=0.0)
        raise ConfigError(f"model.vision: open_clip has no model {config.vision}; the nearest is {near[0]}")
    pretrained: str | None = weights or None
    settings: dict[str, Any] = {"force_image_size": config.image_size}
    if weights and names_a_file(weights):
        pretrained = str(locate(weights, "model.vision_weights"))
    elif weights and config.vision_revision:
        pretrained, settings["force_preprocess_cfg"] = _pinned(config.vision, weights, config.vision_revision)
    try:
        clip = open_clip.create_model(config.vision, pretrained=pretrained, device="cpu", precision="fp32", **settings)
    except TORN as error:
        line = " ".join(str(error).split())[:300]
        raise PresetError(
            f"model.vision_weights: {weights or 'none'} for {config.vision}: {line}; name others"
        ) from error
    preprocess = open_clip.get_model_preprocess_cfg(clip)
    return VisionTower(clip, config.image_size, preprocess["mean"], preprocess["std"])


def _pinned(name: str, tag: str, revision: str) -> tuple[str, dict[str, Any]]:
    """The file of an open_clip tag at one commit of its hub repository, and how its images are normalized."""
    known: dict[str, Any] = open_clip.get_pretrained_cfg(name, tag)
    repository, _, file = str(known.get("hf_hub") or "").rpartition("/")
    if not repository:
        raise PresetError(f"model.vision_weights: {tag} of {name} lies on no hub; leave model.vision_revision out")
    try:
        found = open_clip.pretrained.download_pretrained_from_hf(repository, filename=file or None, revision=revision)
    except (OSError, RuntimeError) as error:
        line = " ".join(str(error).split())[:300]
        raise PresetError(
            f"model.vision_weights: {tag} of {name} could not be fetched from {repository} at {revision}: {line}; check the "
            "network, or give a local file"
        ) from error
    return str(found), {key: known[key] for key in ("mean", "std", "interpolation") if key in known}
