"""What learns: the trainable parts of a FusedModel, and the loss of one micro-batch.

A learner registers only what trains. The frozen backbone is held aside, so that no optimizer, no ZeRO partition and no
checkpoint ever sees it.

Shapes: B examples, T tokens, L last positions that carry labels, N images, F figures of an example, P figure tokens, Dv
their width, E width of CLIP's common space.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Self
from zlib import crc32

import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmsum.config import Config
from mmsum.errors import ConfigError
from mmsum.model.fused import FusedModel, decoder_layers
from mmsum.model.lora import lora_modules
from mmsum.model.places import PLACE
from mmsum.model.torchstack import open_clip, torch
from mmsum.training.batches import IGNORED, MicroBatch
from mmsum.training.losses import fact_loss

_KNOWN_TEXTS = 2**16

MOST_FACTOR = 100.0
"""Ceiling of the factor on CLIP's products, as CLIP was trained with: above it training turns unstable."""

_PARTS = (
    ("clip.visual.", "vision."),
    ("clip.", "text."),
    ("visual.", "vision."),
    ("fusion.", "fusion."),
    ("lora.", "lora."),
)


def exported_name(name: str) -> str:
    """`part.name` that a learner's parameter has in an export: part is vision, text, fusion or lora."""
    for ours, exported in _PARTS:
        if name.startswith(ours):
            return exported + name.removeprefix(ours).replace("/", ".")
    raise AssertionError(f"{name} trains, but no part of an export holds it")


class _Learner(nn.Module):
    """Holds the model aside: a tuple hides it from nn.Module."""

    def __init__(self, model: FusedModel) -> None:
        super().__init__()
        self._model = (model,)

    @property
    def model(self) -> FusedModel:
        return self._model[0]

    def train(self, mode: bool = True) -> Self:
        """The tower stays in eval mode, as `VisionTower.train` has it; here lie its parts."""
        super().train(mode)
        self.model.vision.train(mode)
        return self


class SummaryLearner(_Learner):
    """Stage `train`: adapters, tower and LoRA, whichever has a learning rate, on the gold summary's tokens."""

    def __init__(self, model: FusedModel, config: Config) -> None:
        super().__init__(model)
        training = config.training
        self.tunes_vision = training.vision_learning_rate > 0
        self.tunes_fusion = training.learning_rate > 0
        if self.tunes_fusion:
            self.fusion = model.fusion
        if self.tunes_vision:
            self.visual: nn.Module = model.vision.clip.visual  # type: ignore[assignment]
        # No dots: nn.Module takes them for its own. The backbone calls these very modules.
        modules = lora_modules(model.backbone) if training.lora_learning_rate > 0 else {}
        self.lora = nn.ModuleDict({name.replace(".", "/"): module for name, module in modules.items()})
        self.requires_grad_(True)
        if self.tunes_vision:
            _lock(self.visual, training.vision_unlocked_groups)
        for parameter in unused_parameters(self):
            parameter.requires_grad_(False)
        if training.activation_checkpointing:
            _checkpoint_layers(model)
        if training.compile:
            # Blocks stay outside: each would be compiled again for its own number and for every shape, up to dynamo's limit.
            for block in getattr(model.fusion, "blocks", ()):
                block.forward = torch.compiler.disable(block.forward)
            for layer in decoder_layers(model.backbone):
                layer.compile(dynamic=True)

    def forward(
        self, batch: MicroBatch, *, without_figures: bool = False, swapped_figures: bool = False
    ) -> torch.Tensor:
        """Sum of the cross-entropy over all target tokens of the micro-batch, each times its weight, in float32.

        swapped_figures: every example is shown figures of another one that has some.
        """
        model = self.model
        with torch.autocast(model.device.type, model.dtype, enabled=model.dtype != torch.float32):
            tokens, mask, figures = batch.tokens, batch.mask, batch.figures
            if without_figures:
                figures = [0] * len(figures)
                mask = mask * (tokens != PLACE)
                tokens = tokens.clamp(min=0)
            vision = model.vision_state(self._features(batch, swapped_figures), figures)
            logits = model(
                tokens,
                attention_mask=mask,
                vision=vision,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                logits_to_keep=batch.labels.shape[1] + 1,
            )
        losses = F.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), batch.labels.flatten(), ignore_index=IGNORED, reduction="none"
        )
        return (losses * batch.weights.flatten()).sum()

    def _features(self, batch: MicroBatch, swapped: bool) -> torch.Tensor:
        """Figure tokens of the micro-batch's images at their places, [B, F, P, Dv].

        Every micro-batch runs the tower and every block, with a blank image that no example sees where there are none:
        workers must run the same modules equally often, or ZeRO waits for ever.
        """
        with torch.set_grad_enabled(self.tunes_vision and torch.is_grad_enabled()):
            patches = self.model.figure_tokens(self.model.vision.normalize(batch.seen()))
        most = max(1, *batch.figures)
        if swapped:
            patches = patches[_figures_of_the_next(batch.figures)]
        features = patches.new_zeros(len(batch.figures), most, *patches.shape[1:])
        places = [(row, place) for row, count in enumerate(batch.figures) for place in range(count)] or [(0, 0)]
        rows, columns = (torch.tensor(axis, device=patches.device) for axis in zip(*places, strict=True))
        return features.index_put((rows, columns), patches)

    def groups(self, config: Config) -> list[dict[str, Any]]:
        """Parameter groups with their peak learning rates."""
        training = config.training
        parts: list[tuple[str, nn.Module, float]] = []
        if self.tunes_fusion:
            parts.append(("fusion", self.fusion, training.learning_rate))
        if self.tunes_vision:
            parts.append(("vision", self.visual, training.vision_learning_rate))
        parts.append(("lora", self.lora, training.lora_learning_rate))
        return _groups(parts, training.weight_decay)


class ClipLearner(_Learner):
    """Stage `finetune_clip`: the tower and CLIP's text side, on figures and their captions, and on listed facts."""

    def __init__(self, model: FusedModel, config: Config) -> None:
        super().__init__(model)
        clip: Any = model.vision.clip
        _check_contrastive(clip, config.model.vision)
        # [1], not a scalar, which DeepSpeed cannot broadcast.
        clip.logit_scale = nn.Parameter(clip.logit_scale.detach().reshape(1))
        self.clip: Any = clip
        self.requires_grad_(True)
        _lock(clip.visual, config.training.vision_unlocked_groups)
        for _, module, rate in self._parts(config):
            if rate == 0:
                module.requires_grad_(False)
        tokenize = open_clip.SimpleTokenizer(context_length=self.clip.context_length)
        # What charts of a kind can show is few texts: each is taken apart once, and not in Python in every step.
        self.tokenize = lru_cache(maxsize=_KNOWN_TEXTS)(lambda text: tokenize([text])[0])

    @staticmethod
    def same(batch: MicroBatch) -> torch.Tensor:
        """A number for each caption [N], equal where captions are; 0 for a figure whose listed facts are contrasted instead."""
        pairs = zip(batch.captions, batch.shown, strict=True)
        numbers = [0 if facts else 1 + crc32(caption.encode()) for caption, facts in pairs]
        return torch.tensor(numbers, device=batch.images.device)

    def forward(self, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Unit vectors of the images and of their captions, [N, E] each, the factor on their products, and the sum over all
        facts of `fact_loss`; float32."""
        model = self.model
        with torch.autocast(model.device.type, model.dtype, enabled=model.dtype != torch.float32):
            words = dict.fromkeys(
                [*batch.captions, *(text for facts in batch.shown for fact in facts for text in fact)]
            )
            texts = [*words, *[""] * (_rounded(len(words)) - len(words))]
            tokens = self._tokens(texts)
            # Through CLIP's own forward: ZeRO-3 gathers a module's parameters when the module is called.
            images, told, factor = self.clip(model.vision.normalize(batch.seen()), tokens)
            told = self._as_a_whole(told[: len(words)], list(words))
        images, told = (F.normalize(vectors.float(), dim=-1) for vectors in (images, told))
        factor = factor.float().squeeze()
        # The ceiling's gradient is the factor's own, or one that has reached it could never come down again.
        factor = factor - (factor - MOST_FACTOR).clamp(min=0).detach()
        place = {text: number for number, text in enumerate(words)}
        facts = [(row, [place[text] for text in fact]) for row, shown in enumerate(batch.shown) for fact in shown]
        captions = told[[place[caption] for caption in batch.captions]]
        return images, captions, factor, fact_loss(images, told, factor, facts)

    def read(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors of texts [N, E], float32."""
        tokens = self._tokens(texts)
        vectors = self._as_a_whole(self.clip.encode_text(tokens, normalize=True), texts)
        return F.normalize(vectors.float(), dim=-1)

    def _tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """[N, T] of N texts, on the model's device."""
        return torch.stack([self.tokenize(text) for text in texts]).to(self.model.device)

    def _as_a_whole(self, vectors: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """What the text side makes of the words, and where it starts random, what it has for each text as a whole."""
        return vectors + self.clip.whole_texts(texts) if hasattr(self.clip, "whole_texts") else vectors

    def groups(self, config: Config) -> list[dict[str, Any]]:
        """Parameter groups with their peak learning rates."""
        return _groups(self._parts(config), config.training.weight_decay)

    def _parts(self, config: Config) -> list[tuple[str, nn.Module, float]]:
        """(name, module, peak learning rate): the tower has its own rate, the text side that of adapters.

        What joins a timm trunk to the common space starts as random as the text side, and learns at its rate.
        """
        training = config.training
        visual, text = self.clip.visual, [module for name, module in self.clip.named_children() if name != "visual"]
        if config.model.vision.startswith("timm:"):
            visual, text = visual.trunk, [*text, visual.head]
        loose = nn.ParameterList(parameter for _, parameter in self.clip.named_parameters(recurse=False))
        return [
            ("vision", visual, training.vision_learning_rate),
            ("text", nn.ModuleList([*text, loose]), training.learning_rate),
        ]


def _rounded(count: int) -> int:
    """At least `count` texts, in few different numbers of them: oneDNN builds and keeps kernels for each shape."""
    return 1 << (count - 1).bit_length() if count < 64 else -(-count // 64) * 64


Learner = SummaryLearner | ClipLearner


def _check_contrastive(clip: Any, name: str) -> None:
    """Raises ConfigError for a model of open_clip with another loss or another tokenizer than CLIP's."""
    text = (open_clip.get_model_config(name) or {}).get("text_cfg", {})
    others = {
        "captions": isinstance(clip, open_clip.CoCa),
        "a bias": getattr(clip, "logit_bias", None) is not None,
        "a tokenizer of its own": bool(text.get("hf_tokenizer_name") or text.get("hf_model_name")),
    }
    if odd := [what for what, has in others.items() if has]:
        raise ConfigError(
            f"model.vision: {name} learns with {' and '.join(odd)}, which finetune_clip does not know; name a plain CLIP, or "
            "train its tower in training.stage: train, with a training.vision_learning_rate"
        )


def _figures_of_the_next(figures: list[int]) -> list[int]:
    """For every image of the micro-batch, one of the next example that has any; its own where no other has."""
    starts = [sum(figures[:row]) for row in range(len(figures))]
    shown = [row for row, count in enumerate(figures) if count]
    following = zip(shown, shown[1:] + shown[:1], strict=True)
    places = [starts[other] + place % figures[other] for row, other in following for place in range(figures[row])]
    return places or [0]  # the blank image


def build_learner(model: FusedModel, config: Config) -> Learner:
    """The learner of `training.stage`, with everything else frozen.

    Raises ConfigError where nothing would learn, as far as launch.check_training has not seen it.
    """
    model.requires_grad_(False)
    learner = SummaryLearner(model, config) if config.training.stage == "train" else ClipLearner(model, config)
    names = {name for name, p in model.backbone.named_parameters() if p.requires_grad and ".lora_" not in name}
    assert not names, f"the backbone must stay frozen, but {sorted(names)[:3]} would train"
    if not learner.groups(config):
        raise ConfigError(
            "training.vision_unlocked_groups: all that has a learning rate is locked, so nothing would learn; unlock some"
        )
    if isinstance(learner, SummaryLearner) and learner.tunes_vision and not learner.tunes_fusion and _shut(model):
        raise ConfigError(
            "training.vision_learning_rate: through attention gates that are shut, and stay so, the tower learns nothing; open "
            "them (training.gate_start: 0.1), give adapters a training.learning_rate, or the tower none"
        )
    return learner.train()


def _shut(model: FusedModel) -> bool:
    """Whether nothing of a figure reaches the text."""
    blocks = getattr(model.fusion, "blocks", ())
    return not model.fusion.soft_tokens and not any(bool(block.attention_gate.any()) for block in blocks)


def _groups(parts: list[tuple[str, nn.Module, float]], weight_decay: float) -> list[dict[str, Any]]:
    groups = []
    for name, module, rate in parts:
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        for decay, chosen in (
            (weight_decay, [parameter for parameter in trained if parameter.ndim > 1]),
            (0.0, [parameter for parameter in trained if parameter.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay, "name": name})
    return groups


def _lock(visual: Any, unlocked_groups: int | None) -> None:
    """Only the last groups of the tower's layers train. Raises ConfigError where the tower knows no groups."""
    if unlocked_groups is None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # open_clip asks timm by an old name
            visual.lock(unlocked_groups=unlocked_groups)
    except (AttributeError, NotImplementedError, AssertionError) as error:
        raise ConfigError(
            f"training.vision_unlocked_groups: {type(visual).__name__} cannot be locked in part ({error}); leave it out"
        ) from error


def unused_parameters(learner: SummaryLearner) -> Iterator[nn.Parameter]:
    """Parameters of the tower that figure tokens do not pass through."""
    visual = getattr(learner, "visual", None)
    if visual is None:
        return
    parameters = [parameter for parameter in visual.parameters() if parameter.requires_grad]
    if not parameters:  # a tower without a head, of which no group is unlocked
        return
    with torch.enable_grad():
        side = learner.model.vision.image_size
        probe = torch.zeros(1, 3, side, side, device=learner.model.device)
        grads = torch.autograd.grad(learner.model.vision(probe).sum(), parameters, allow_unused=True)
    yield from (parameter for parameter, grad in zip(parameters, grads, strict=True) if grad is None)


def _checkpoint_layers(model: FusedModel) -> None:
    """Recomputes decoder layers and the blocks between them in the backward pass. Not as transformers does, in train mode only:
    there the layers of OPT, for one, drop out. Blocks run in hooks before a layer, outside of what its `forward` recomputes."""
    for module in (*decoder_layers(model.backbone), *getattr(model.fusion, "blocks", ())):
        module.forward = partial(checkpoint, module.forward, use_reentrant=False)
