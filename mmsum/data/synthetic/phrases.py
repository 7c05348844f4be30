"""The phrases of gold summaries: kind of fact -> answer -> clauses, the i-th of each being that of voice i. No logic."""

from __future__ import annotations

_TREND: dict[str, tuple[str, ...]] = {
    "rising": (
        "{q} rose over the period",
        "{q} kept climbing",
        "there was a long growth, as {q} went up",
        "{q} grew from one end of the chart to the other",
        "the movement of {q} was upward",
    ),
    "falling": (
        "{q} fell over the period",
        "{q} kept dropping",
        "there was a long decline, as {q} went down",
        "{q} shrank from one end of the chart to the other",
        "the movement of {q} was downward",
    ),
    "peak": (
        "{q} reached a peak and came back",
        "{q} rose at first, but then fell again",
        "there was a hump in {q}",
        "{q} grew to a crest but declined afterwards",
        "the movement of {q} was to a summit and back",
    ),
    "dip": (
        "{q} went through a dip and came back",
        "{q} fell at first, but then rose again",
        "there was a valley in {q}",
        "{q} sank to a low point but recovered afterwards",
        "the movement of {q} was into a trough and back",
    ),
    "level": (
        "{q} stayed level over the period",
        "{q} kept flat",
        "there was a stable state of {q}",
        "{q} hardly changed from one end of the chart to the other",
        "the movement of {q} was nil: it was constant",
    ),
}
_COMPASS = ("north-west", "north-east", "south-west", "south-east", "centre")
_HOT = (
    "{{q}} was highest in the {0}",
    "the map has its strongest {{q}} in the {0}",
    "{{q}} was concentrated in the {0}",
    "the {0} has the most of {{q}} on the map",
    "the hot spot of {{q}} lies in the {0}",
)
_COLD = (
    "{{q}} was lowest in the {0}",
    "the map has its weakest {{q}} in the {0}",
    "the map of {{q}} is thinnest in the {0}",
    "the {0} has the least of {{q}} on the map",
    "the cold spot of {{q}} lies in the {0}",
)
_STAR = (
    "the star on the map of {{q}} stands in the {0}",
    "a star marks the {0} of the map of {{q}}",
    "the star over {{q}} is in the {0}",
    "in the {0} of the map of {{q}} there is a star",
    "the {0} carries the star on the map of {{q}}",
)


def _each(options: dict[str, str], forms: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The same forms with another word for each option."""
    return {option: tuple(form.format(word) for form in forms) for option, word in options.items()}


_SAME = {place: place for place in _COMPASS}

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "trend": _TREND,
    "total": {
        "rising": (
            "the total of {q} rose over the period",
            "overall {q} kept climbing",
            "taken together, {q} went up",
            "the sum of {q} grew from the first bar to the last",
            "the movement of {q} as a whole was upward",
        ),
        "falling": (
            "the total of {q} fell over the period",
            "overall {q} kept dropping",
            "taken together, {q} went down",
            "the sum of {q} shrank from the first bar to the last",
            "the movement of {q} as a whole was downward",
        ),
        "level": (
            "the total of {q} stayed level over the period",
            "overall {q} kept flat",
            "taken together, {q} was stable",
            "the sum of {q} hardly changed from the first bar to the last",
            "the movement of {q} as a whole was nil: it was constant",
        ),
    },
    "turning": _each(
        {"early": "early", "middle": "in the middle", "late": "late"},
        (
            "the turn of {{q}} came {0}",
            "{{q}} had its turning point {0}",
            "the turn in {{q}} can be seen {0} in the chart",
            "{0} in the period, {{q}} turned",
            "the turning point of {{q}} lies {0}",
        ),
    ),
    "swings": {
        "smooth": (
            "the line of {q} is smooth",
            "the curve of {q} ran an even way",
            "the course of {q} was calm",
            "the path of {q} was gentle",
            "the line of {q} moved smoothly",
        ),
        "jagged": (
            "the line of {q} is jagged",
            "the curve of {q} ran an erratic way",
            "the course of {q} was a zigzag",
            "the path of {q} was restless",
            "the line of {q} moved erratically",
        ),
    },
    "crossing": {
        "crossed": (
            "the lines of {q} crossed",
            "one line of {q} overtook the other",
            "the two lines of {q} changed places",
            "the lines of {q} met and swapped their order",
            "there is a crossing in {q}",
        ),
        "apart": (
            "the lines of {q} never crossed",
            "neither line of {q} overtook the other",
            "the two lines of {q} stayed apart",
            "the lines of {q} did not meet",
            "there is no crossing in {q}",
        ),
    },
    "margin": _each(
        {"wide": "wide", "narrow": "narrow"},
        (
            "the winner of {{q}} had a {0} lead",
            "a {0} gap separates the two best in {{q}}",
            "{{q}} was decided by a {0} margin",
            "the distance between the two best in {{q}} is {0}",
            "the margin between first and second in {{q}} was {0}",
        ),
    ),
    "ratio": _each(
        {"twice": "twice", "three times": "three times", "five times": "five times"},
        (
            "the highest {{q}} was about {0} the lowest",
            "{{q}}: the largest value is around {0} the smallest",
            "the leader in {{q}} had roughly {0} as much as the last",
            "the best entry for {{q}} came to some {0} the weakest",
            "the top of {{q}} is close to {0} the bottom",
        ),
    ),
    "growth": _each(
        {"twice": "twice", "three times": "three times", "half": "half", "a third": "a third of"},
        (
            "the total of {{q}} ended at about {0} its beginning",
            "overall {{q}} came to around {0} the first bar",
            "taken together, {{q}} finished with roughly {0} its start",
            "the sum of {{q}} in the last bar is roughly {0} that in the first",
            "as a whole {{q}} arrived at close to {0} where it began",
        ),
    ),
    "share": _each(
        {"over half": "more than half", "third to half": "between a third and a half", "under third": "under a third"},
        (
            "the biggest slice of {{q}} took {0}",
            "the main share of {{q}} came to {0}",
            "one slice alone accounts for {0} of {{q}}",
            "the leading part of {{q}} is {0} of the circle",
            "as a share of {{q}}, the front runner has {0}",
        ),
    ),
    "relation": {
        "positive": (
            "{q} rose with {x}",
            "higher {x} went hand in hand with {q}",
            "{q} and {x} moved in the same direction",
            "there was a positive link between {q} and {x}",
            "{q} grew along with {x}",
        ),
        "negative": (
            "{q} fell against {x}",
            "{q} was lower at the far end of {x}",
            "{q} and {x} moved in opposite directions",
            "there was a negative link between {q} and {x}",
            "{q} declined along {x}",
        ),
        "none": (
            "{q} had no link with {x}",
            "{q} showed no pattern over {x}",
            "{q} and {x} had nothing to do with each other",
            "there was no connection between {q} and {x}",
            "{q} was independent of {x}",
        ),
    },
    "outlier": {
        "one": (
            "one point of {q} lies far off",
            "a single dot of {q} strays from its cloud",
            "there is an outlier among the points of {q}",
            "one dot of {q} is a long way from the rest",
            "a stray point is to be seen in {q}",
        ),
        "none": (
            "no point of {q} lies far off",
            "not a dot of {q} strays from its cloud",
            "there is no outlier among the points of {q}",
            "no dot of {q} is a long way from the rest",
            "no stray point is to be seen in {q}",
        ),
    },
    "humps": _each(
        {"one": "one hump", "two": "two humps"},
        (
            "the distribution of {{q}} has {0}",
            "{{q}} formed {0}",
            "the bars of {{q}} make {0}",
            "{0} can be seen in {{q}}",
            "there is a shape with {0} in {{q}}",
        ),
    ),
    "taller": _each(
        {"low": "low", "high": "high"},
        (
            "the taller group of {{q}} was at the {0} end",
            "{{q}} had its larger group on the {0} side",
            "the bigger group of {{q}} is the {0} one",
            "on the {0} side the bars of {{q}} are taller",
            "the taller bars of {{q}} are at the {0} end",
        ),
    ),
    "place": _each(
        {"low": "low end", "middle": "middle", "high": "high end"},
        (
            "most values of {{q}} lay at the {0}",
            "{{q}} clustered at the {0} of the scale",
            "the bulk of {{q}} was at the {0}",
            "{{q}} was concentrated at the {0}",
            "the values of {{q}} gather at the {0}",
        ),
    ),
    "width": _each(
        {"wide": "wide", "narrow": "narrow"},
        (
            "{{q}} fell in a {0} band",
            "the range of {{q}} was {0}",
            "there was a {0} spread of {{q}}",
            "{{q}} covered a {0} range",
            "the band of {{q}} is {0}",
        ),
    ),
    "shape": {
        "chain": (
            "{q} runs straight from start to finish",
            "{q} is a simple chain",
            "one box follows in a single line in {q}",
            "{q} goes straight on",
            "the chart of {q} is a chain without turns",
        ),
        "branch": (
            "{q} splits in two at its end",
            "{q} is a path that branches",
            "there is a fork in {q}",
            "{q} divides at its end",
            "the chart of {q} is one that forks",
        ),
        "loop": (
            "{q} leads back to the start",
            "{q} is a loop",
            "an arrow goes back to the beginning in {q}",
            "{q} runs in a circle",
            "the chart of {q} is a cycle",
        ),
        "merge": (
            "{q} has two beginnings that become one",
            "{q} is a path where two lines merge",
            "two arrows join at the outset of {q}",
            "{q} merges two starts",
            "the chart of {q} is one where paths converge",
        ),
    },
    "zone": _each(
        {"low": "lower third", "middle": "middle third", "high": "upper third"},
        (
            "the needle for {{q}} is in the {0}",
            "the gauge of {{q}} has its pointer in the {0}",
            "{{q}} gave a reading in the {0}",
            "for {{q}} the needle points to the {0}",
            "the {0} holds the needle of {{q}}",
        ),
    ),
    "target": _each(
        {"above": "above", "below": "below"},
        (
            "{{q}} is {0} the target",
            "the gauge of {{q}} stands {0} its target",
            "{{q}} ended {0} the goal",
            "measured against the target, {{q}} is {0} it",
            "the target mark leaves {{q}} {0} it",
        ),
    ),
    "hotspot": _each(_SAME, _HOT),
    "coldspot": _each(_SAME, _COLD),
    "star": _each(_SAME, _STAR),
}
