"""Training step time: the flow's own step against a bare PyTorch loop on the same model and batches, in one run.

    python benchmarks/train.py [--preset pocket] [--steps 6] [--batch 4] [--words 200] [--threads N]

Examples are made here: text of random words, one figure each, a gold summary of 40 words. The two sides take turns, step by
step, each with its own copy of the model; the first step of each is left out.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from mmsum.config import Config, load_config
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, Schedule, micro_batches
from mmsum.training.encode import encode
from mmsum.training.learners import build_learner
from mmsum.training.loop import learning_rate_share, take_step
from mmsum.training.optimizers import BETAS, PlainOptimizer
from mmsum.training.world import alone

WORDS = [
    "the",
    "town",
    "water",
    "use",
    "rose",
    "in",
    "every",
    "month",
    "but",
    "one",
    "while",
    "prices",
    "of",
    "bread",
    "fell",
    "and",
    "trains",
    "ran",
    "late",
    "again",
]


def bars(draw: random.Random) -> bytes:
    """A small bar chart, as PNG."""
    picture = Image.new("RGB", (320, 240), "white")
    pen = ImageDraw.Draw(picture)
    for bar in range(5):
        pen.rectangle((30 + 55 * bar, draw.randint(20, 200), 70 + 55 * bar, 220), fill="steelblue")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def write_examples(path: Path, count: int, words: int) -> None:
    draw = random.Random(0)

    def text(number: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(number))

    examples = [
        Example(f"{n}", "Report", text(words), [ExampleFigure("Figure 1", text(8), bars(draw))], text(40))
        for n in range(count)
    ]
    pq.write_table(examples_to_table(examples), path)


def bare_steps(config: Config, data: EncodedData, schedule: Schedule):  # type: ignore[no-untyped-def]
    """The loop one would write by hand: forward, backward, clip, AdamW. Yields after every step."""
    model = load_fused(config.model, train=True, gate=0.1)
    learner = build_learner(model, config)
    groups = learner.groups(config)
    parameters = [parameter for group in groups for parameter in group["params"]]
    adam = torch.optim.AdamW(groups, betas=BETAS)
    peaks = [group["lr"] for group in adam.param_groups]
    for step in range(config.training.steps):
        for group, peak in zip(adam.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate_share(step, config.training)
        batch = data.batch(schedule.examples(step), step).to(model.device)
        adam.zero_grad()
        loss = learner(batch) / int((batch.labels >= 0).sum())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.training.clip_norm)
        adam.step()
        yield float(loss.detach())


def flow_steps(config: Config, data: EncodedData, schedule: Schedule):  # type: ignore[no-untyped-def]
    """The flow's own step. Yields after every step."""
    world = alone()
    model = load_fused(config.model, train=True, gate=0.1)
    optimizer = PlainOptimizer(build_learner(model, config), config)
    for step in range(config.training.steps):
        batches = [
            batch.to(world.device)
            for batch in micro_batches(data, schedule, step, rank=0, workers=1, size=config.training.micro_batch)
        ]
        yield take_step(optimizer, batches, step, schedule, data, config, world).loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="pocket")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as scratch:
        write_examples(Path(scratch, "examples.parquet"), given.batch * given.steps, given.words)
        keys = {"data": scratch, "out": f"{scratch}/run", "steps": given.steps, "batch_size": given.batch}
        keys |= {"micro_batch": given.batch, "warmup_steps": 0}
        config = load_config(preset=given.preset, **{f"training.{key}": value for key, value in keys.items()})
        encoded = encode(scratch, config)
        model = load_fused(config.model)
        data = EncodedData(encoded, config, pad=model.tokenizer.eos_token_id)
        del model
        schedule = Schedule(data.lengths, config.training, config.seed)
        sides = {"bare loop": bare_steps(config, data, schedule), "mmsum": flow_steps(config, data, schedule)}
        times: dict[str, list[float]] = {name: [] for name in sides}
        losses: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(given.steps):
            for name, side in sides.items():
                started = time.perf_counter()
                losses[name].append(next(side))
                times[name].append(time.perf_counter() - started)
    tokens = float(sum(data.lengths)) / given.steps
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(
            f"{name:<10}{seconds:8.2f} s a step  {given.batch / seconds:6.2f} examples/s  {tokens / seconds:7.0f} tokens/s"
        )
    print(f"mmsum takes {medians['mmsum'] / medians['bare loop']:.2f} times the bare loop (goal: at most 1.10)")
    apart = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
    print(f"losses {losses['mmsum'][0]:.4f} to {losses['mmsum'][-1]:.4f}, at most {apart:.1e} apart")


if __name__ == "__main__":
    main()
