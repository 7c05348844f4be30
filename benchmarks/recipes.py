"""Recipes of the pocket model side by side: each trains for about the same time, on the same examples in the same order.

    pip install 'mmsum[data]' && mmsum data figure-reports --n 1200 --seed 3 DATA
    python benchmarks/recipes.py figures DATA --start pocket-clip/export [--minutes 8]
    python benchmarks/recipes.py documents DATA --start pocket-figure/export [--minutes 8]

figures     jobs/pocket-figure.yaml, single figures: how figures join the language model, and what tower reads them. All but
            those with ImageNet's tower begin with --start
documents   jobs/pocket.yaml, whole documents beside their figures: dropout of text and of figures, and the rates of adapters
            and tower beside LoRA's

A probe of some steps sets each recipe's number of steps. Losses are those of a token of held-out examples (DATA/heldout: other
topics, phrases and colours, half of it drawn by another library), with their own figures; figures also with those of another
report; with none. `documents` mixes documents, read with what the gold says of their figures, and figures by themselves: the
first lose by having no text, the second by having no figure.
right, wrong: facts of figures as the trained model describes each alone, or as its summaries of whole documents tell them;
swapped: right with the figures of another report; text: facts of the text that the summaries tell right.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mmsum.claims import CheckedFact, Verdict, judge
from mmsum.config import Config, load_config
from mmsum.data.files import read_examples
from mmsum.evaluation.facts import figure_facts, text_facts
from mmsum.examples import Example, split_by_figure, to_document
from mmsum.generation.fused import FusedSummarizer
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData
from mmsum.training.encode import encode
from mmsum.training.launch import run_training
from mmsum.training.learners import SummaryLearner, build_learner

JOBS = Path(__file__).parents[1] / "jobs"
Sets = dict[str, Any]

FIGURES: dict[str, Sets] = {
    "cross_attention": {},
    "prefix": {"model.fusion": "prefix", "training.learning_rate": 1e-3},
    "prefix, every patch, LoRA": {
        "model.fusion": "prefix",
        "model.prefix_layers": 0,
        "model.prefix_tokens": 50,
        "model.lora_rank": 8,
        "training.learning_rate": 5e-4,
        "training.lora_learning_rate": 3e-4,
    },
    "ImageNet's tower": {"model.export": None},
    "ImageNet's tower, trained along": {"model.export": None, "training.vision_learning_rate": 5e-5},
    "CLIP's tower, trained along": {"training.vision_learning_rate": 5e-5},
}
DOCUMENTS: dict[str, Sets] = {
    "LoRA alone": {},
    "text dropout 0.3": {"training.text_dropout": 0.3},
    "figure dropout 0.3": {"training.figure_dropout": 0.3},
    "blocks at half LoRA's rate": {"training.learning_rate": 5e-4},
    "blocks at twice LoRA's rate": {"training.learning_rate": 2e-3},
    "tower at 0.1 of LoRA's rate": {"training.vision_learning_rate": 1e-4},
}
PARTS = {"figures": (JOBS / "pocket-figure.yaml", FIGURES), "documents": (JOBS / "pocket.yaml", DOCUMENTS)}

COLUMNS = {"figures": ("own", "swapped", "none"), "documents": ("own", "none", "no text")}
JUDGED = {"figures": ("right", "wrong", "swapped"), "documents": ("right", "wrong", "swapped", "text")}

PROBE = 24
"""Steps of the probe; the first four, in which kernels are made, are left out. Steps of one length follow one another."""
EXAMPLES = {"figures": 160, "documents": 96}
"""Held-out examples whose loss is taken, in random order: neighbours are of one report."""
REPORTS = {"figures": 24, "documents": 32}
"""Held-out reports that are described, or summarized."""
MOST_FIGURES = 5
"""Of one report: that many further on is another report's figure."""


def settings(part: str, name: str, given: argparse.Namespace, folder: Path) -> Config:
    """The job's config with the recipe's keys and a run of its own; encoded examples are shared."""
    recipe, recipes = PARTS[part]
    out = folder / f"{part}-{list(recipes).index(name)}"
    (folder / "encoded").mkdir(exist_ok=True)
    out.mkdir(exist_ok=True)
    if not (out / "encoded").exists():
        (out / "encoded").symlink_to(folder / "encoded")
    keys = {
        "training.data": f"{given.data}/train",
        "training.valid": "",
        "training.out": str(out),
        "training.checkpoint_steps": 10_000,
        "model.export": given.start,
    }
    return load_config(recipe, **keys | recipes[name])


def train_for(config: Config, minutes: float) -> tuple[str, int, float]:
    """The export's folder, the steps, and the minutes that a run meant to take `minutes` took."""
    out = config.training.out
    probe = _with(config, steps=PROBE, out=f"{out}-probe")
    Path(probe.training.out).mkdir(exist_ok=True)
    (Path(probe.training.out) / "encoded").symlink_to(Path(out) / "encoded")
    run_training(probe, Console(file=io.StringIO()), local=True)
    steps = round(60 * minutes / statistics.fmean(_seconds(probe.training.out)[4:]))
    export = run_training(_with(config, steps=steps), Console(file=io.StringIO()), local=True)
    assert export
    return export, steps, sum(_seconds(out)) / 60


def _with(config: Config, **changes: Any) -> Config:
    return config.model_copy(update={"training": config.training.model_copy(update=changes)})


def _seconds(out: str) -> list[float]:
    lines = [line for log in sorted(Path(out, "log").glob("*.jsonl")) for line in log.read_text().splitlines()]
    return [json.loads(line)["seconds"] for line in lines]


@torch.no_grad()
def losses(config: Config, data: str, part: str) -> dict[str, float]:
    """Loss of a token of held-out examples by what is shown of them."""
    learner = build_learner(load_fused(config.model, train=True), config).eval()
    assert isinstance(learner, SummaryLearner)
    found = {}
    for shown in COLUMNS[part]:
        changed = _with(
            config,
            unit={"figures": "figure", "documents": "both"}[part],
            text_dropout=float(shown == "no text"),
            figure_dropout=0.0,
            answer_weight=1.0,
        )
        rows = EncodedData(encode(data, changed), changed, pad=learner.model.tokenizer.eos_token_id)
        order = np.random.default_rng(0).permutation(len(rows))[: EXAMPLES[part]].tolist()
        size, total, tokens = config.training.micro_batch, 0.0, 0.0
        for at in range(0, len(order), size):
            batch = rows.batch(order[at : at + size], step=0).to(learner.model.device)
            total += float(learner(batch, without_figures=shown == "none", swapped_figures=shown == "swapped"))
            tokens += float(batch.weights.sum())
        found[shown] = total / tokens
    return found


def facts(config: Config, examples: list[Example]) -> dict[str, float]:
    """Shares of the figures' facts: right, wrong, and right with the figures of another report; of the text's: right."""
    summarizer = FusedSummarizer.load(config)
    documents = [to_document(example) for example in examples]

    def share(verdict: Verdict, texts: list[str], listed: list[list[CheckedFact]]) -> float:
        told = [judge(fact, text, facts) for text, facts in zip(texts, listed, strict=True) for fact in facts]
        return told.count(verdict) / max(len(told), 1)

    of_figures, of_text = [figure_facts(example) for example in examples], [text_facts(example) for example in examples]
    own = [draft.text for draft in summarizer.summarize(documents)]
    figures = [figure for document in documents for figure in document.figures]
    images = [figure.image for figure in figures]
    for figure, image in zip(figures, images[MOST_FIGURES:] + images[:MOST_FIGURES], strict=True):
        figure.image = image
    swapped = [draft.text for draft in summarizer.summarize(documents)]
    return {
        "right": share("right", own, of_figures),
        "wrong": share("wrong", own, of_figures),
        "swapped": share("right", swapped, of_figures),
        "text": share("right", own, of_text),
    }


def try_recipe(part: str, name: str, given: argparse.Namespace, folder: Path) -> None:
    """Trains one recipe and prints its line."""
    config = settings(part, name, given, folder)
    export, steps, minutes = train_for(config, given.minutes)
    trained = config.model_copy(update={"model": config.model.model_copy(update={"export": export})})
    heldout = f"{given.data}/heldout"
    loss = losses(trained, heldout, part)
    reports = list(islice(read_examples(heldout), REPORTS[part]))
    if part == "figures":
        reports = [piece for report in reports for piece in split_by_figure(report) if piece.summary]
    told = facts(trained, reports)
    shown = "".join(f"{loss[column]:9.3f}" for column in COLUMNS[part])
    judged = "".join(f"{told[column]:9.1%}" for column in JUDGED[part])
    print(f"{name:32}{steps:6}{minutes:8.1f}{shown}{judged}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("data", metavar="DATA")
    parser.add_argument(
        "--start", required=True, metavar="EXPORT", help="trained weights that every recipe begins with"
    )
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--recipe", action="append", help="one recipe alone; may be given several times")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    recipes = list(PARTS[given.part][1])
    if unknown := set(given.recipe or ()) - set(recipes):
        parser.error(f"--recipe: none of {', '.join(recipes)}: {', '.join(sorted(unknown))}")
    if given.folder:
        try_recipe(given.part, given.recipe[-1], given, Path(given.folder))
        return
    columns = "".join(f"{column:>9}" for column in (*COLUMNS[given.part], *JUDGED[given.part]))
    print(f"{'recipe':32}{'steps':>6}{'minutes':>8}{columns}", flush=True)
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.recipe or recipes:
            # A process of its own for each: memory that one leaves in pieces slows the next.
            command = [sys.executable, __file__, *sys.argv[1:], "--recipe", name, "--folder", scratch]
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
