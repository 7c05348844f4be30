"""What two slow spots of training on CPUs cost, beside what is done instead.

    python benchmarks/gradients.py [--images 64] [--threads 2]

depthwise  a convolution's gradients as torch takes them in bfloat16, and through mmsum.model.depthwise (of EfficientNet-Lite0).
head       the product with the vocabulary's frozen weights, forwards and backwards, of the last positions of 8 rows: cut out
           of the rows as they are, and made one matrix first.
Milliseconds, the best of five.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from mmsum.model.depthwise import quicken_depthwise
from mmsum.model.torchstack import torch

LAYERS = ((144, 59, 5, 2, 0), (96, 113, 3, 2, 0), (672, 14, 5, 1, 2), (240, 28, 5, 1, 2))
"""Channels, side, kernel, stride, padding."""
ROWS, TOKENS, LAST, WIDTH, VOCABULARY = 8, 200, 60, 576, 49152  # SmolLM2-135M


def best(run: Callable[[], None]) -> float:
    """Milliseconds of the quickest of five calls, after one that does not count."""
    times = []
    for _ in range(6):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started))
    return min(times[1:])


def depthwise(images: int) -> None:
    for channels, side, kernel, stride, padding in LAYERS:
        conv = torch.nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=False)
        conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        pixels = torch.randn(images, channels, side, side, dtype=torch.bfloat16)
        pixels = pixels.contiguous(memory_format=torch.channels_last).requires_grad_()

        def backwards(conv: torch.nn.Module = conv, pixels: torch.Tensor = pixels) -> float:
            with torch.autocast("cpu", torch.bfloat16):
                out = conv(pixels)
            pull = torch.ones_like(out)
            return best(lambda: out.backward(pull, retain_graph=True))

        usual = backwards()
        quicken_depthwise(torch.nn.Sequential(conv))
        ours = backwards()
        shape = f"{channels} channels of {side} x {side}, {kernel} x {kernel}, stride {stride}"
        print(f"depthwise  {shape}: {usual:.0f} ms in bfloat16, {ours:.0f} in float32 ({ours / usual:.2f})", flush=True)


def head() -> None:
    weights = torch.randn(VOCABULARY, WIDTH, dtype=torch.bfloat16)
    rows = torch.randn(ROWS, TOKENS, WIDTH, dtype=torch.bfloat16).requires_grad_()
    pull = torch.ones(ROWS, LAST, VOCABULARY, dtype=torch.bfloat16)
    cut = best(lambda: torch.nn.functional.linear(rows[:, -LAST:], weights).backward(pull))
    whole = best(lambda: torch.nn.functional.linear(rows[:, -LAST:].contiguous(), weights).backward(pull))
    print(f"head       {ROWS} x {LAST} positions: {cut:.0f} ms as cut, {whole:.0f} as one matrix ({whole / cut:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    depthwise(given.images)
    head()


if __name__ == "__main__":
    main()
