"""What a CLIP tower reads off figures: each picks, among all captions of its kind of figure, those that fit best.

    python benchmarks/clip.py EXPORT DATA [--limit 1200]

EXPORT is what stage finetune_clip wrote; DATA holds examples with listed facts, none of which it was trained on. A caption
lists a figure's facts (`pie, largest 2 of 4, share 1 of 3`); the probabilities of all captions of its kind, added up by
answer, say what the tower takes each fact for. constant: the best one answer for each kind of fact and of figure, which
knows DATA. Also the share of figures whose nearest caption, of all, is of their kind, and is their own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmsum.config import load_config
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData
from mmsum.training.encode import encode
from mmsum.training.learners import ClipLearner, build_learner

RECIPE = Path(__file__).parents[1] / "jobs" / "pocket-clip.yaml"
BATCH = 64


def read_pairs(export: str, data: str, limit: int) -> tuple[torch.Tensor, torch.Tensor, float, list[str]]:
    """Unit vectors of `limit` figures drawn from DATA and of their captions [N, E], the factor, and the captions."""
    with tempfile.TemporaryDirectory() as scratch:
        keys = {"training.data": data, "training.out": scratch, "model.export": export}
        config = load_config(RECIPE, **keys)
        learner = build_learner(load_fused(config.model, train=True), config).eval()
        assert isinstance(learner, ClipLearner)
        pairs = EncodedData(encode(data, config), config, pad=0)
        chosen = np.random.default_rng(0).permutation(len(pairs))[:limit].tolist()
        images, texts, captions, factor = [], [], list[str](), 1.0
        with torch.inference_mode():
            for start in range(0, len(chosen), BATCH):
                batch = pairs.batch(chosen[start : start + BATCH], step=None).to(learner.model.device)
                image, text, factors = learner(batch)
                images.append(image)
                texts.append(text)
                captions += batch.captions
                factor = float(factors)
    return torch.cat(images), torch.cat(texts), factor, captions


def facts_of(caption: str) -> tuple[str, dict[tuple[str, str], str]]:
    """Kind of figure; and the answer to each question, which is a kind of fact with its number of answers."""
    kind, *facts = caption.split(", ")
    parts = [fact.split(" ") for fact in facts]  # largest 2 of 4
    return kind, {(name, count): place for name, place, _, count in parts}


def judge(
    images: torch.Tensor, texts: torch.Tensor, factor: float, captions: Sequence[str]
) -> dict[tuple[str, str], list[tuple[bool, str]]]:
    """Of each kind of figure and fact: whether each fact was taken for what it is, and what it is."""
    kinds = [facts_of(caption)[0] for caption in captions]
    found = defaultdict(list)
    for kind in sorted(set(kinds)):
        rows = [row for row, other in enumerate(kinds) if other == kind]
        candidates = sorted({captions[row] for row in rows})
        vectors = torch.stack([texts[captions.index(caption)] for caption in candidates])
        shares = (factor * images[rows] @ vectors.T).softmax(dim=1).tolist()
        answers = [facts_of(caption)[1] for caption in candidates]
        for row, share in zip(rows, shares, strict=True):
            for question, answer in facts_of(captions[row])[1].items():
                votes = Counter[str]()
                for given, weight in zip(answers, share, strict=True):
                    if question in given:
                        votes[given[question]] += weight
                found[kind, question[0]].append(
                    (votes.most_common(1)[0][0] == answer, " of ".join((answer, question[1])))
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", metavar="EXPORT")
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("--limit", type=int, default=1200)
    given = parser.parse_args()
    images, texts, factor, captions = read_pairs(given.export, given.data, given.limit)
    print(f"{'figure':12} {'fact':10} {'n':>5} {'right':>6} {'constant':>9}")
    rights, constants = list[bool](), list[float]()
    for (kind, name), facts in judge(images, texts, factor, captions).items():
        right = [good for good, _ in facts]
        constant = Counter(answer for _, answer in facts).most_common(1)[0][1] / len(facts)
        print(f"{kind:12} {name:10} {len(facts):5} {np.mean(right):6.2f} {constant:9.2f}")
        rights += right
        constants += [constant] * len(facts)
    print(f"{'all':12} {'':10} {len(rights):5} {np.mean(rights):6.3f} {np.mean(constants):9.3f}")
    nearest = [captions[index] for index in (images @ texts.T).argmax(dim=1).tolist()]
    pairs = list(zip(nearest, captions, strict=True))
    kind = np.mean([facts_of(near)[0] == facts_of(own)[0] for near, own in pairs])
    print(
        f"the nearest of all captions: of the figure's kind {kind:.3f}, its own {np.mean([a == b for a, b in pairs]):.3f}"
    )


if __name__ == "__main__":
    main()
