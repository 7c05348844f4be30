"""`mmsum data figure-reports`: synthetic examples as Parquet parts, drawn by all cores.

    OUT/<split>/part-00000.parquet ...      and with pdf=True OUT/<split>/pdf/<id>.pdf

The bytes depend on n, the seed and the versions of the drawing libraries, not on the number of workers.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context

from mmsum import storage
from mmsum.data.files import refuse_parts, write_part
from mmsum.data.synthetic.report import plan_report
from mmsum.data.synthetic.variation import AS_IS, Variation
from mmsum.errors import PresetError

SPLITS = ("train", "valid", "test", "heldout")
PART_ROWS = 200


@dataclass(frozen=True, slots=True)
class _Part:
    split: str
    seed: int
    start: int
    stop: int
    folder: str
    pdf: bool
    variation: Variation


def sizes(n: int, split: str | None = None) -> dict[str, int]:
    """Examples per split: n for training, a tenth (at least 20) for each other one; or n for the one split named."""
    if split:
        return {split: n}
    return {name: n if name == "train" else max(20, n // 10) for name in SPLITS}


def write_figure_reports(
    out: str,
    n: int,
    seed: int = 0,
    split: str | None = None,
    *,
    variation: Variation = AS_IS,
    pdf: bool = False,
    workers: int | None = None,
) -> dict[str, int]:
    """Write the splits under `out` (a folder or URI) and return their sizes.

    Raises OutputError where `out` holds parts already or cannot be written, PresetError where the held-out split is
    asked for and Vega-Lite is missing.
    """
    wanted = sizes(n, split)
    if "heldout" in wanted and find_spec("vl_convert") is None:
        raise PresetError("held-out figures are drawn by Vega-Lite, which is missing: pip install 'mmsum[data]'")
    base = storage.normalize(out)
    parts = []
    for name, count in wanted.items():
        folder = storage.join(base, name)
        refuse_parts(folder)
        parts += [
            _Part(name, seed, start, min(count, start + PART_ROWS), folder, pdf, variation)
            for start in range(0, count, PART_ROWS)
        ]
    processes = min(workers or os.cpu_count() or 1, len(parts))
    with storage.writing(out):
        if processes == 1:
            for part in parts:
                _write_part(part)
        else:
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                list(pool.map(_write_part, parts))
    return wanted


def _write_part(part: _Part) -> None:
    """One part, from plans to bytes; runs in a worker."""
    from mmsum.data.synthetic.render import render_report

    plans = [plan_report(part.split, part.seed, index, part.variation) for index in range(part.start, part.stop)]
    if part.pdf:
        from mmsum.data.synthetic.pdf import with_pdf

        examples = []
        for plan in plans:
            example, pages = with_pdf(plan)
            storage.put(storage.join(storage.join(part.folder, "pdf"), f"{example.id}.pdf"), pages)
            examples.append(example)
    else:
        examples = [render_report(plan) for plan in plans]
    write_part(part.folder, part.start // PART_ROWS, examples)
