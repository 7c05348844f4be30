"""Decoding speed side by side: the engine against transformers' `generate`, same weights, same batch, one run.

    python benchmarks/generate.py [--prompts 16] [--batch 16] [--new 64] [--repeat 2] [--preset pocket]
    python benchmarks/generate.py --threads 1 --clock cpu      # on a machine that others are using

Prompts are 300 to 1500 varied tokens. No text may stop early, so that both sides write equally many tokens; the engine
therefore shows none of what it gains by dropping finished rows. Prefill is a run of one new token, decode the rest
of a run of --new. Runs of the sides alternate, so that a noisy machine disturbs both; the best of --repeat counts.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

from mmsum.config import load_config
from mmsum.generation.engine import Engine, Request
from mmsum.model.backbone import _resolve
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
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: this process's own seconds")
    args = parser.parse_args()

    config = load_config(preset=args.preset)
    model = load_fused(config.model, threads=args.threads)
    folder, _ = _resolve(config.model)
    peer = transformers.AutoModelForCausalLM.from_pretrained(Path(folder), dtype=model.dtype).to(model.device)

    draw = random.Random(0)
    vocabulary = peer.config.vocab_size
    lengths = [draw.randint(args.shortest, args.longest) for _ in range(args.prompts)]
    prompts = [[draw.randrange(100, vocabulary) for _ in range(length)] for length in lengths]
    figures = torch.randn(4, model.vision.patches, model.vision.width)

    engine = Engine(model, batch_size=args.batch, repetition_penalty=1.0)
    engine.stop_tokens = frozenset()

    def ours(shown: torch.Tensor | None, new: int) -> list[list[int]]:
        return [c.tokens for c in engine.generate([Request(prompt, shown, new) for prompt in prompts])]

    def theirs(new: int) -> list[list[int]]:
        # In order of length, as a careful user of `generate` would batch them.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        written: dict[int, list[int]] = {}
        for start in range(0, len(order), args.batch):
            some = order[start : start + args.batch]
            longest = max(len(prompts[i]) for i in some)
            ids = torch.tensor([[0] * (longest - len(prompts[i])) + prompts[i] for i in some], device=model.device)
            mask = torch.tensor(
                [[0] * (longest - len(prompts[i])) + [1] * len(prompts[i]) for i in some], device=model.device
            )
            output = peer.generate(
                ids, attention_mask=mask, max_new_tokens=new, do_sample=False, eos_token_id=None, pad_token_id=0
            )
            for i, row in zip(some, output[:, longest:].tolist(), strict=True):
                written[i] = row
        return [written[i] for i in range(len(prompts))]

    sides: dict[str, Callable[[int], list[list[int]]]] = {
        "transformers generate": theirs,
        "engine": lambda new: ours(None, new),
        "engine, 4 figures each": lambda new: ours(figures, new),
    }
    best: dict[tuple[str, int], float] = {}
    texts: dict[str, list[list[int]]] = {}
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    for _ in range(args.repeat):
        for new in (1, args.new):
            for name, side in sides.items():
                started = clock()
                texts[name] = side(new)
                elapsed = clock() - started
                best[name, new] = min(elapsed, best.get((name, new), elapsed))

    print(f"{model.device} {model.dtype}, {torch.get_num_threads()} threads, {args.clock} clock")
    print(f"{args.prompts} prompts of {min(lengths)} to {max(lengths)} tokens, batch {args.batch}, {args.new} new each")
    print(f"{'':24} {'prefill tok/s':>14} {'decode tok/s':>13} {'whole, s':>9}   ratios to the first line")
    base: tuple[float, ...] = ()
    for name in sides:
        prefill, whole = best[name, 1], best[name, args.new]
        decode = max(whole - prefill, 1e-9)
        speeds = (sum(lengths) / prefill, args.prompts * (args.new - 1) / decode, 1 / whole)
        base = base or speeds
        ratios = " ".join(f"{speed / first:.2f}" for speed, first in zip(speeds, base, strict=True))
        same = sum(a == b for a, b in zip(texts[name], texts["transformers generate"], strict=True))
        equal = f"{same}/{len(prompts)} equal texts"
        print(f"{name:24} {speeds[0]:14.0f} {speeds[1]:13.1f} {whole:9.1f}   {ratios}   {equal}")


if __name__ == "__main__":
    main()
