"""What a preset does on the machine at hand, and on a GPU what it takes there beside what memory.py sums. The backbone has
random weights of the preset's shapes: its speed and its memory, without its download.

    python benchmarks/presets.py llama3.2-3b [--tokens 6000] [--new 150] [--batch N] [--micro N]

summarize  prompts of --tokens tokens with figures_per_call figures each, --new tokens written for each, none stops early:
           two batches, of which the second counts, as documents an hour
train      the flow's own steps on examples that fill the context: the median step as tokens/s and share of the card's
           arithmetic (MFU), without DeepSpeed
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks beside this one
sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/, which train.py imports

from memory import GB, SHAPES, shaped_presets, sums
from train import data_and_operations, flow_steps, speed_of_a_card, write_examples

from mmsum.config import Config, load_config
from mmsum.generation.engine import Engine, Request
from mmsum.model.backbone import resolve
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch, transformers
from mmsum.training.batches import Schedule


def write_random(preset: str, folder: Path) -> Config:
    """The preset with a backbone of its shapes in `folder`, random weights in bfloat16 and the pocket preset's tokenizer."""
    shape = SHAPES[load_config(preset=preset).model.backbone]
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForCausalLM.from_config(shape, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    pocket, _ = resolve(load_config(preset="pocket").model)
    transformers.AutoTokenizer.from_pretrained(pocket).save_pretrained(folder)
    return load_config(preset=preset, model={"backbone": str(folder), "vision_weights": ""})


def summarize(config: Config, tokens: int, new: int) -> float:
    """Documents an hour of this one GPU, in full batches."""
    model = load_fused(config.model)
    rows, per_call = config.generation.batch_size, config.generation.figures_per_call
    draw = random.Random(0)
    prompts = [[draw.randrange(100, 40_000) for _ in range(tokens)] for _ in range(rows)]
    figures = torch.randn(per_call, model.vision.patches, model.vision.width)
    engine = Engine(model, batch_size=rows)
    engine.stop_tokens = frozenset()
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        engine.generate([Request(prompt, figures, new) for prompt in prompts])
        seconds = time.perf_counter() - started
    return 3600 * rows / seconds


def train(config: Config) -> tuple[float, float]:
    """Tokens/s of the median step, and operations/s that the weights account for."""
    data, operations = data_and_operations(config)
    seconds: list[float] = []
    started = time.perf_counter()
    for _ in flow_steps(config, data, Schedule(data.alike, config.training, config.seed)):
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    tokens = float(sum(data.lengths)) / len(data) * config.training.batch_size
    speed = tokens / statistics.median(seconds[1:])
    return speed, speed * operations  # what is computed twice, because activations were not kept, is no gain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=shaped_presets())
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--new", type=int, default=150)
    parser.add_argument("--batch", type=int, default=None, help="rows (default: the preset's)")
    parser.add_argument("--micro", type=int, default=None, help="examples of a step (default: the preset's)")
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    with tempfile.TemporaryDirectory() as scratch:
        backbone = load_config(preset=args.preset).model.backbone
        config = write_random(args.preset, Path(scratch, "backbone"))
        rows = args.batch or config.generation.batch_size
        micro = args.micro or config.training.micro_batch
        config = changed(
            config, "generation", batch_size=rows, context_tokens=args.tokens + args.new, describe_figures=False
        )
        examples = Path(scratch, "examples.parquet")
        write_examples(examples, args.steps * micro, words=2 * args.tokens)  # cut at context_tokens
        keys = {"steps": args.steps, "batch_size": micro, "micro_batch": micro, "zero": 0, "warmup_steps": 0}
        config = changed(config, "training", data=str(examples), out=str(Path(scratch, "run")), gate_start=0.1, **keys)
        known = sums(changed(config, "model", backbone=backbone), gpus=1)

        hour = summarize(config, args.tokens, args.new)
        print(
            f"{args.preset} on {machine}: {hour:,.0f} documents an hour, {rows} at a time, {args.tokens} tokens read and "
            f"{args.new} written for each; {memory(known.generate)}",
            flush=True,
        )
        speed, done = train(config)
        print(
            f"{args.preset} on {machine}: {speed:,.0f} tokens/s in training, {micro} examples of {args.tokens + args.new} "
            f"tokens a step; {speed_of_a_card(done, machine)}; {memory(known.train)}"
        )


def changed(config: Config, section: str, **keys: object) -> Config:
    return config.model_copy(update={section: getattr(config, section).model_copy(update=keys)})


def memory(summed: dict[str, float]) -> str:
    """What tensors took at most since the last call, beside the sum of memory.py, which reserves some."""
    needed = f"memory.py sums {sum(summed.values()) / GB:.1f} GB for a GPU"
    if not torch.cuda.is_available():
        return needed
    taken = torch.cuda.max_memory_allocated() / GB
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return f"at most {taken:.1f} GB taken, {needed}"


if __name__ == "__main__":
    main()
