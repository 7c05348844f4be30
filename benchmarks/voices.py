"""What ROUGE-L makes of a summary in which every fact is right: how much of a score is the choice of words.

    pip install 'mmsum[data,evaluation]'
    python benchmarks/voices.py [--n 300] [--seed 1]

Gold summaries of synthetic reports (`mmsum data figure-reports`) are written once more by a writer who knows all of their facts
and tells them in the same order, with the same recommendation: in the gold's own voice (which now and then takes another's
phrase), and in each of the others. The text of a held-out report does not betray the voice: training has none of its phrases.
"""

from __future__ import annotations

import argparse
from random import Random
from statistics import fmean

from mmsum.claims import judge
from mmsum.data.synthetic.report import plan_report, retold
from mmsum.data.synthetic.wording import VOICES
from mmsum.rouge import rouge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300, help="reports of each split")
    parser.add_argument("--seed", type=int, default=1, help="of the reports, as of `mmsum data figure-reports`")
    given = parser.parse_args()
    print(f"{'split':10}{'own voice':>12}{'another':>10}{'any':>8}{'facts right':>14}   ROUGE-L x 100, n={given.n}")
    for split in ("test", "heldout"):
        own: list[float] = []
        other: list[float] = []
        right: list[bool] = []
        for index in range(given.n):
            report = plan_report(split, given.seed, index)
            rng = Random(f"{split} {index}")
            for voice in range(VOICES):
                text = retold(report, voice, rng)
                (own if voice == report.voice else other).append(rouge(report.summary, text)["rougeL"])
                right += [judge(fact, text, report.facts) == "right" for fact in report.facts]
        means = fmean(own), fmean(other), fmean(own + other)
        print(
            f"{split:10}" + "".join(f"{100 * mean:{w}.1f}" for mean, w in zip(means, (12, 10, 8), strict=True)), end=""
        )
        print(f"{fmean(right):14.1%}", flush=True)


if __name__ == "__main__":
    main()
