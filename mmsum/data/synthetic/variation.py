"""What of the reports can be chosen, beside their number: how a training set is varied."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

ADVISED_RATE = 0.4
"""Share of golds that tell a recommendation, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Variation:
    """Of one set of reports.

    made_up: share of figures whose quantity and names are made up (see made_up.py), and of the text's sentences on figures and
    on its number that are no voice's. kinds: of their figures, beside a distractor; empty for all. advised: share of golds that
    tell the text's first recommendation. ratios: bars stand in rough ratios, of which the golds tell.
    """

    made_up: float = 0.0
    kinds: tuple[str, ...] = ()
    advised: float = ADVISED_RATE
    ratios: bool = False

    def makes_up(self, rng: Random) -> bool:
        """Whether the next thing is a made-up one."""
        return self.made_up > 0 and rng.random() < self.made_up


AS_IS = Variation()
