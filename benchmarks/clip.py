"""What a CLIP tower reads off figures, and whether each finds its caption.

    python benchmarks/clip.py EXPORT DATA [--limit 1200]

EXPORT is what stage finetune_clip wrote, or `none` for the tower of the preset as it comes; DATA holds examples with listed
facts, none of which it was trained on. A fact is right when the figure is nearer to what it shows (`pie, largest blue`) than
to each of the other answers. constant: the best one answer for each kind of figure and fact, which knows DATA. Below: how
often a figure finds its caption, all its facts together, among those of its kind (recall at 1 and at 5).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from mmsum.config import load_config
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, MicroBatch
from mmsum.training.encode import encode
from mmsum.training.learners import ClipLearner, build_learner

RECIPE = Path(__file__).parents[1] / "jobs" / "pocket-clip.yaml"
BATCH = 64


def read_pairs(
    export: str, data: str, limit: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor], list[MicroBatch], float]:
    """Unit vectors of `limit` figures drawn from DATA [N, E], of every answer to a fact of theirs, the batches, the factor."""
    with tempfile.TemporaryDirectory() as scratch:
        start = None if export == "none" else export
        config = load_config(RECIPE, training={"data": data, "out": scratch}, model={"export": start})
        learner = build_learner(load_fused(config.model, train=True), config).eval()
        assert isinstance(learner, ClipLearner)
        pairs = EncodedData(encode(data, config), config, pad=0)
        chosen = np.random.default_rng(0).permutation(len(pairs))[:limit].tolist()
        batches = [pairs.batch(chosen[start : start + BATCH], step=None) for start in range(0, len(chosen), BATCH)]
    with torch.inference_mode():
        images = torch.cat([learner(batch.to(learner.model.device))[0] for batch in batches])
        texts = sorted({text for batch in batches for shown in batch.shown for fact in shown for text in fact})
        vectors = torch.cat([learner.read(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])
        factor = float(learner.clip.logit_scale.exp())
    return images, dict(zip(texts, vectors, strict=True)), batches, factor


def question(fact: list[str]) -> tuple[str, str]:
    """Kind of figure, and of fact: the last word that all answers share."""
    kind, _, told = fact[0].partition(", ")
    shared = [word for word in told.split() if all(word in other.split() for other in fact)]
    return kind, [word for word in shared if word.isalpha() and word != "of"][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", metavar="EXPORT")
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("--limit", type=int, default=1200)
    given = parser.parse_args()
    images, texts, batches, factor = read_pairs(given.export, given.data, given.limit)
    found = defaultdict[tuple[str, str], list[tuple[bool, str]]](list)
    for image, shown in zip(images, (facts for batch in batches for facts in batch.shown), strict=True):
        for fact in shown:
            scores = torch.stack([texts[text] for text in fact]) @ image
            found[question(fact)].append((int(scores.argmax()) == 0, fact[0]))
    print(f"{'figure':12} {'fact':10} {'n':>5} {'right':>6} {'constant':>9}")
    rights, constants = list[bool](), list[float]()
    for (kind, name), facts in sorted(found.items()):
        right = [good for good, _ in facts]
        constant = Counter(answer for _, answer in facts).most_common(1)[0][1] / len(facts)
        print(f"{kind:12} {name:10} {len(facts):5} {np.mean(right):6.2f} {constant:9.2f}")
        rights += right
        constants += [constant] * len(facts)
    print(f"{'all':12} {'':10} {len(rights):5} {np.mean(rights):6.3f} {np.mean(constants):9.3f}")
    print(f"a figure's caption among the different ones of its kind: {recall(images, texts, batches, factor)}")


def recall(images: torch.Tensor, texts: dict[str, torch.Tensor], batches: list[MicroBatch], factor: float) -> str:
    """How often a figure finds its caption: all its facts, each as likely as the figure makes it among its rivals."""
    captions = [caption for batch in batches for caption in batch.captions]
    facts = dict(zip(captions, (shown for batch in batches for shown in batch.shown), strict=True))
    places, counts = list[int](), list[int]()
    for kind in sorted({caption.partition(",")[0] for caption in captions}):
        rows = [row for row, caption in enumerate(captions) if caption.partition(",")[0] == kind]
        candidates = sorted({captions[row] for row in rows})
        likely = {}
        for fact in {tuple(fact) for caption in candidates for fact in facts[caption]}:
            logits = factor * images[rows] @ torch.stack([texts[text] for text in fact]).T
            likely[fact] = logits.log_softmax(1)[:, 0]
        scores = torch.stack([sum(likely[tuple(f)] for f in facts[c]) / len(facts[c]) for c in candidates], dim=1)  # type: ignore
        own = scores[range(len(rows)), [candidates.index(captions[row]) for row in rows]]
        places += (scores > own[:, None]).sum(1).tolist()
        counts += [len(candidates)] * len(rows)
    at = [float(np.mean([place < most for place in places])) for most in (1, 5)]
    by_chance = [float(np.mean([min(1.0, most / count) for count in counts])) for most in (1, 5)]
    return f"recall at 1 {at[0]:.3f} (chance {by_chance[0]:.3f}), at 5 {at[1]:.3f} ({by_chance[1]:.3f})"


if __name__ == "__main__":
    main()
