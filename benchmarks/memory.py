"""How much GPU memory the presets need, and how fast they can be at most, from shapes: no download, no GPU.

    python benchmarks/memory.py            # all presets with a hub backbone
    python benchmarks/memory.py small      # one
    python benchmarks/memory.py --rates    # documents per GPU-hour: an estimate from the GPU's data sheet

Weights are counted on PyTorch's meta device; caches and optimizer state follow from shapes. What is not a sum of shapes,
CUDA's context and the allocator's slack, is `RESERVE`. The sums beside the presets are this script's output.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from mmsum.config import Config, Model, load_config, preset_names
from mmsum.model.fused import fusion_config
from mmsum.model.fusion.cross_attention import FusionConfig
from mmsum.model.fusion.figures import MAX_FIGURES
from mmsum.model.torchstack import open_clip, torch, transformers

GB = 1e9
RESERVE = 2.0 * GB
"""CUDA's context, cuBLAS workspaces, fragmentation."""

_LLAMA, _QWEN2 = transformers.LlamaConfig, transformers.Qwen2Config
SHAPES = {
    # As in the config.json of the revision that the preset names.
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": _LLAMA(
        vocab_size=49152,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=24,
        num_attention_heads=32,
        num_key_value_heads=32,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
    "meta-llama/Llama-3.2-3B-Instruct": _LLAMA(
        vocab_size=128256,
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=28,
        num_attention_heads=24,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=131072,
        tie_word_embeddings=True,
    ),
    "Qwen/Qwen2.5-7B-Instruct": _QWEN2(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        max_position_embeddings=32768,
        tie_word_embeddings=False,
    ),
}


def shaped_presets() -> list[str]:
    """The presets whose backbone's shape is known here."""
    return [name for name in preset_names() if load_config(preset=name).model.backbone in SHAPES]


@dataclass(frozen=True)
class Sums:
    """Bytes on one GPU, by what takes them."""

    generate: dict[str, float]
    train: dict[str, float]
    parameters: dict[str, int]
    kv_per_token: int


@dataclass(frozen=True)
class Parts:
    """The joined models of a preset, on the meta device: their shapes without their bytes."""

    shape: Any  # the backbone's config
    visual: Any  # the image side of CLIP
    fusion: FusionConfig
    counts: dict[str, int]  # parameters


@cache
def parts_of(model: Model) -> Parts:
    shape = SHAPES[model.backbone]
    with torch.device("meta"):
        backbone = transformers.AutoModelForCausalLM.from_config(shape)
        clip = open_clip.CLIP(**_clip_config(model.vision, model.image_size))
    patches = 1 + clip.visual.grid_size[0] * clip.visual.grid_size[1]
    width, whole = clip.visual.conv1.out_channels, clip.visual.output_dim
    fusion = fusion_config(backbone, model, patches, max(width, whole), whole)
    counts = {
        "backbone": _count(backbone),
        "vision tower": _count(clip.visual),
        "CLIP's text side": _count(clip) - _count(clip.visual),
        "adapters": adapter_parameters(fusion),
    }
    return Parts(shape, clip.visual, fusion, counts)


def sums(config: Config, gpus: int = 8) -> Sums:
    """Memory of one GPU while it summarizes, and while it trains beside `gpus` - 1 others."""
    parts = parts_of(config.model)
    shape, visual, fusion, counts = parts.shape, parts.visual, parts.fusion, parts.counts
    generation, training = config.generation, config.training
    kv_per_token = kv_bytes(shape.num_hidden_layers, fusion.kv_heads, fusion.head_width)
    figure_tokens = generation.figures_per_call * fusion.patches
    figure_kv = 2 * len(fusion.layers) * fusion.kv_heads * fusion.head_width * 2 * figure_tokens
    widest = 2 * fusion.mlp_width + 4 * fusion.width
    clip_bytes = 4 * (counts["vision tower"] + counts["CLIP's text side"])
    generate = {
        "backbone, bf16": 2 * counts["backbone"],
        "CLIP, float32": clip_bytes,
        "adapters, bf16": 2 * counts["adapters"],
        "text cache": generation.batch_size * generation.context_tokens * kv_per_token,
        "figure cache, twice": 2 * generation.batch_size * figure_kv,
        "reading 8192 tokens": 8192 * widest * 2,
        "reserve": RESERVE,
    }
    trained = counts["adapters"] + counts["vision tower"]
    share = 1 / gpus
    state = {0: (4, 8), 1: (4, 12 * share), 2: (4 * share, 12 * share), 3: (4 * share, 12 * share)}[training.zero]
    tokens = training.micro_batch * generation.context_tokens
    # A transformer layer, and so a block, keeps about 34 bytes per token and channel (Korthikanti et al. 2022); checkpointed,
    # its input alone.
    layers, kept = shape.num_hidden_layers + len(fusion.layers), 2 if training.activation_checkpointing else 34
    images = training.micro_batch * generation.figures_per_call
    train = {
        "backbone, bf16": 2 * counts["backbone"],  # held aside of what DeepSpeed divides, at stage 3 too
        "trained weights, float32": 4 * trained * (share if training.zero == 3 else 1) + 4 * counts["CLIP's text side"],
        "gradients, float32": state[0] * trained,
        "optimizer": state[1] * trained,
        "text activations": tokens * (kept * layers * fusion.width + 2 * 3 * widest),
        # The last layer's, once in bf16 and once in float32, each with its gradient; of the summary's tokens alone.
        "logits": training.micro_batch * (generation.summary_tokens + 1) * shape.vocab_size * 12,
        "image activations": images
        * fusion.patches
        * 34
        * visual.conv1.out_channels
        * len(visual.transformer.resblocks),
        "reserve": RESERVE,
    }
    return Sums(generate, train, counts, kv_per_token)


def kv_bytes(layers: int, kv_heads: int, head_width: int, number: int = 2) -> int:
    """Bytes of keys and values of one token of text, with numbers of 2 bytes (bf16) unless told."""
    return 2 * layers * kv_heads * head_width * number


def totals(config: Config) -> tuple[float, float]:
    """GB of one GPU, to summarize and to train."""
    found = sums(config)
    return sum(found.generate.values()) / GB, sum(found.train.values()) / GB


FIT = 0.95
"""Share of a GPU's memory that the sums may take."""


def largest_rows(config: Config, gb: float) -> int:
    """The largest power of two for generation.batch_size on a GPU of that size; 0 where one row does not fit."""
    tries = [config.model_copy(update={"generation": _with(config.generation, batch_size=2**n)}) for n in range(9)]
    fits = [one.generation.batch_size for one in tries if sum(sums(one).generate.values()) <= FIT * gb * GB]
    return max(fits, default=0)


def largest_micro_batch(config: Config, gb: float, zero: int) -> int:
    """The same for training.micro_batch, at a ZeRO stage on eight GPUs."""
    tries = [
        config.model_copy(update={"training": _with(config.training, micro_batch=2**n, zero=zero)}) for n in range(9)
    ]
    fits = [one.training.micro_batch for one in tries if sum(sums(one).train.values()) <= FIT * gb * GB]
    return max(fits, default=0)


@dataclass(frozen=True)
class Choice:
    """What a preset takes: GB of the GPUs, generation.batch_size and training.micro_batch. Training is at ZeRO 1, which sends
    no more over the network than 0; further stages send more, and free only what is divided: never the frozen backbone."""

    generate_gb: int
    rows: int
    train_gb: int
    micro_batch: int


MEMORIES = (24, 48, 80)
FEW_ROWS, FEW_EXAMPLES = 8, 2
"""With fewer rows a GPU that writes mostly reads weights; a smaller GPU that takes no more is not worth its price."""


def choose(config: Config) -> Choice:
    """The smallest GPUs that take enough at a time, and the most that fits into them."""
    rows = {gb: largest_rows(config, gb) for gb in MEMORIES}
    micro = {gb: largest_micro_batch(config, gb, zero=1) for gb in MEMORIES}
    generate_gb = min(gb for gb in MEMORIES if rows[gb] >= FEW_ROWS)
    train_gb = min(gb for gb in MEMORIES if micro[gb] >= FEW_EXAMPLES)
    return Choice(generate_gb, rows[generate_gb], train_gb, micro[train_gb])


def _with(section: Any, **keys: object) -> Any:
    return section.model_copy(update=keys)


@dataclass(frozen=True)
class Gpu:
    """From the maker's data sheet: bytes/s of memory, bf16 operations/s without sparsity, bytes."""

    bandwidth: float
    operations: float
    memory: float


GPUS = {
    "L4": Gpu(300e9, 121e12, 24e9),
    "L40S": Gpu(864e9, 362e12, 48e9),
    "A100 80 GB": Gpu(2039e9, 312e12, 80e9),
    "H100 SXM": Gpu(3350e9, 989e12, 80e9),
}
COMPUTE_SHARE, BANDWIDTH_SHARE = 0.4, 0.6
"""What reading prompts commonly reaches of a GPU's arithmetic, and writing of its memory bandwidth. Assumed, not measured."""


def seconds_per_document(config: Config, gpu: Gpu, prompt_tokens: int, output_tokens: int) -> float:
    """Reading is bound by arithmetic (2 operations per weight and token), writing by reading all weights and the cache
    once per step of a batch."""
    found = sums(config)
    weights = found.parameters["backbone"] + found.parameters["adapters"]
    read = prompt_tokens * 2 * weights / (gpu.operations * COMPUTE_SHARE)
    batch = config.generation.batch_size
    step = (2 * weights + batch * prompt_tokens * found.kv_per_token) / (gpu.bandwidth * BANDWIDTH_SHARE)
    return read + output_tokens * step / batch


def rates(prompt_tokens: int = 6000, output_tokens: int = 150) -> str:
    """Documents per GPU-hour as a Markdown table, of documents of so many tokens."""
    presets = shaped_presets()
    lines = ["| GPU | " + " | ".join(presets) + " |", "|---" * (len(presets) + 1) + "|"]
    for name, gpu in GPUS.items():
        cells = []
        for preset in presets:
            config = load_config(preset=preset)
            fits = sum(sums(config).generate.values()) <= FIT * gpu.memory
            hour = 3600 / seconds_per_document(config, gpu, prompt_tokens, output_tokens)
            cells.append(f"{round(hour, -2):,.0f}" if fits else "does not fit")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def adapter_parameters(config: FusionConfig) -> int:
    """Parameters of a CrossAttentionFusion of that shape."""
    text, patch, mlp = config.width, config.vision_width, config.mlp_width
    queries, keys = config.heads * config.head_width, config.kv_heads * config.head_width
    block = 2 * text * queries + 2 * patch * keys + 2 * text * mlp + 2 * text + 2 * config.head_width + 2
    block += config.choice_rank * (text + keys)
    return len(config.layers) * block + (2 + MAX_FIGURES + config.patches + config.whole_width) * patch


def _clip_config(name: str, image_size: int) -> dict[str, object]:
    settings = dict(open_clip.get_model_config(name))
    return {**settings, "vision_cfg": {**settings["vision_cfg"], "image_size": image_size}}


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def table(preset: str) -> str:
    """The sums of a preset, as its YAML file quotes them."""
    config = load_config(preset=preset)
    found = sums(config)
    lines = ["parameters: " + ", ".join(f"{name} {n / 1e6:,.0f} M" for name, n in found.parameters.items())]
    lines.append(f"a token of text in the cache: {found.kv_per_token / 1024:.0f} KiB")
    training = config.training
    checkpointing = ", checkpointed" if training.activation_checkpointing else ""
    for title, parts in (
        (f"summarize, {config.generation.batch_size} at a time", found.generate),
        (f"train on 8 GPUs, ZeRO {training.zero}, micro-batch {training.micro_batch}{checkpointing}", found.train),
    ):
        lines.append(f"{title}: {sum(parts.values()) / GB:.1f} GB")
        lines += [f"  {amount / GB:5.1f}  {name}" for name, amount in parts.items()]
    lines.append(
        f"largest that fits into {FIT:.0%} of a GPU: rows to summarize, micro-batch to train at ZeRO 0, 1, 2, 3"
    )
    for gb in MEMORIES:
        micro = ", ".join(f"{largest_micro_batch(config, gb, zero) or 'no'}" for zero in range(4))
        lines.append(f"  {gb} GB: {largest_rows(config, gb) or 'no'}; {micro}")
    chosen = choose(config)
    lines.append(
        f"chosen: {chosen.generate_gb} GB, {chosen.rows} rows, to summarize; "
        f"{chosen.train_gb} GB, micro-batch {chosen.micro_batch}, ZeRO 1 to train"
    )
    return "\n".join(lines)


def main(presets: list[str]) -> None:
    if presets == ["--rates"]:
        print(rates())
        return
    for preset in presets or shaped_presets():
        print(f"{preset}\n{table(preset)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
