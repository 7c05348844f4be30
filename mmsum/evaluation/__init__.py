"""How good summaries are: ROUGE with intervals, facts that only a figure shows, ablations, baselines.

from mmsum.evaluation import evaluate
evaluate("pocket", "examples/test/", ablate=True).as_json()["facts"]
"""

from mmsum.evaluation.evaluate import evaluate
from mmsum.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate"]
