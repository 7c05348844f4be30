"""Decoding speed side by side: the engine against transformers' `generate`, same weights, same batch, one run.

    python benchmarks/generate.py [--prompts 16] [--batch 16] [--new 64] [--repeat 2] [--preset pocket]
    python benchmarks/generate.py --threads 1 --clock cpu      # on a machine that others are using
    python benchmarks/generate.py --random --preset llama3.2-3b --prompts 64 --batch 64 --shortest 5800 --longest 6200 --new 150

--random gives a backbone of the preset's shapes random weights: its speed and memory without its download, on a GPU.
Prompts are 300 to 1500 varied tokens. No text may stop early, so that both sides write equally many tokens; the engine
therefore shows none of what it gains by dropping finished rows. Prefill ends with a batch's first token. The sides
take turns, so that a noisy machine disturbs all of them; the best of --repeat counts, for each phase by itself.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks beside this one

from mmsum.config import load_config
from mmsum.generation.engine import Engine, Request
from mmsum.model.backbone import resolve
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch, transformers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="pocket")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--shortest", type=int, default=300)
    parser.add_argument("--longest", type=int, default=1500)
    parser.add_argument("--figures", type=int, default=4)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--random", action="store_true", help="random weights of the preset's shapes")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: this process's own seconds")
    args = parser.parse_args()

    config = load_config(preset=args.preset)
    if args.random:
        from presets import write_random

        scratch = tempfile.TemporaryDirectory()  # removed with this process
        config = write_random(args.preset, Path(scratch.name))
    model = load_fused(config.model, threads=args.threads)
    folder, _ = resolve(config.model)
    peer = transformers.AutoModelForCausalLM.from_pretrained(Path(folder), dtype=model.dtype).to(model.device)

    draw = random.Random(0)
    vocabulary = peer.config.vocab_size
    lengths = [draw.randint(args.shortest, args.longest) for _ in range(args.prompts)]
    prompts = [[draw.randrange(100, vocabulary) for _ in range(length)] for length in lengths]
    figures = torch.randn(args.figures, model.vision.patches, model.vision.width)
    clock = time.process_time if args.clock == "cpu" else time.perf_counter

    engine = TimedEngine(model, batch_size=args.batch)
    engine.stop_tokens = frozenset()
    engine.clock = clock

    def ours(shown: torch.Tensor | None) -> tuple[float, float, list[list[int]]]:
        engine.prefill_seconds = engine.decode_seconds = 0.0
        texts = [c.tokens for c in engine.generate([Request(prompt, shown, args.new) for prompt in prompts])]
        return engine.prefill_seconds, engine.decode_seconds, texts

    def theirs() -> tuple[float, float, list[list[int]]]:
        # In order of length, as a careful user of `generate` would batch them.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        prefill, whole = 0.0, 0.0
        written: dict[int, list[int]] = {}
        for start in range(0, len(order), args.batch):
            some = order[start : start + args.batch]
            longest = max(len(prompts[i]) for i in some)
            padding = [longest - len(prompts[i]) for i in some]
            ids = [[0] * pad + prompts[i] for pad, i in zip(padding, some, strict=True)]
            mask = [[0] * pad + [1] * len(prompts[i]) for pad, i in zip(padding, some, strict=True)]
            first = FirstToken(clock)
            started = clock()
            output = peer.generate(
                torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                max_new_tokens=args.new,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
                stopping_criteria=[first],
            )
            whole += clock() - started
            prefill += first.at - started
            written |= dict(zip(some, output[:, longest:].tolist(), strict=True))
        return prefill, whole - prefill, [written[i] for i in range(len(prompts))]

    sides: dict[str, Callable[[], tuple[float, float, list[list[int]]]]] = {
        "transformers generate": theirs,
        "engine": lambda: ours(None),
        f"engine, {args.figures} figures each": lambda: ours(figures),
    }
    best: dict[str, tuple[float, float]] = {}
    texts: dict[str, list[list[int]]] = {}
    for _ in range(args.repeat):
        for name, side in sides.items():
            prefill, decode, texts[name] = side()
            before = best.get(name, (prefill, decode))
            best[name] = (min(prefill, before[0]), min(decode, before[1]))

    print(f"{model.device} {model.dtype}, {torch.get_num_threads()} threads, {args.clock} clock")
    print(f"{args.prompts} prompts of {min(lengths)} to {max(lengths)} tokens, batch {args.batch}, {args.new} new each")
    print(f"{'':24} {'prefill tok/s':>14} {'decode tok/s':>13} {'whole, s':>9}   ratios to the first line")
    base: tuple[float, ...] = ()
    for name, (prefill, decode) in best.items():
        speeds = (sum(lengths) / prefill, args.prompts * (args.new - 1) / decode, 1 / (prefill + decode))
        base = base or speeds
        ratios = " ".join(f"{speed / first:.2f}" for speed, first in zip(speeds, base, strict=True))
        same = sum(a == b for a, b in zip(texts[name], texts["transformers generate"], strict=True))
        equal = f"{same}/{len(prompts)} equal texts"
        print(f"{name:24} {speeds[0]:14.0f} {speeds[1]:13.1f} {prefill + decode:9.1f}   {ratios}   {equal}")


class TimedEngine(Engine):
    """Books prefill and decode apart."""

    clock: Callable[[], float]
    prefill_seconds = decode_seconds = 0.0

    def _prefill(self, *args: Any, **kwargs: Any) -> None:
        started = self.clock()
        super()._prefill(*args, **kwargs)
        self.prefill_seconds += self.clock() - started

    def _decode(self, *args: Any, **kwargs: Any) -> None:
        started = self.clock()
        super()._decode(*args, **kwargs)
        self.decode_seconds += self.clock() - started


class FirstToken(transformers.StoppingCriteria):  # type: ignore[misc]
    """Stops nothing; notes when a batch's first token was there."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.at = 0.0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        self.at = self.at or self.clock()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


if __name__ == "__main__":
    main()
