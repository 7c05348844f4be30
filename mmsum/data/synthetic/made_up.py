"""Measures under made-up names: what a figure shows cannot be guessed from what it is called.

A topic has a dozen quantities, and each has one or two kinds of figure: a model that knows the topic need not look. Here the
shape, the numbers and the axis stay, and quantity, names and caption are drawn from lists, the same for every split.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from mmsum.data.synthetic.topic import Measure
from mmsum.data.synthetic.words import capital

_THINGS = (
    "honey", "timber", "gravel", "parcel", "letter", "brick", "seedling", "trout", "lamb", "candle", "carpet", "kayak",
    "tent", "lamp", "battery", "tyre", "helmet", "blanket", "kettle", "mirror", "rope", "sail", "drum", "violin", "ticket",
    "poster", "stamp", "coin", "pot", "tile", "window", "door", "fence", "hedge", "pond", "well", "bridge", "tunnel", "ferry",
    "tram", "lorry", "tractor", "crane", "pump", "valve", "pipe", "cable", "sensor", "radio", "camera", "phone", "printer",
    "server", "archive", "map", "clinic", "vaccine", "spectacle", "lecture", "exam", "essay", "recipe", "cheese", "olive",
    "barley", "clover", "mushroom", "salt", "wool",
)  # fmt: skip
_HEADS = (
    "price", "weight", "length", "height", "cost", "demand", "supply", "stock", "output", "delay", "loss", "waste", "wear",
    "rent", "use", "noise", "heat", "moisture", "strength", "speed", "depth", "age", "rating", "backlog",
    "repair", "storage", "delivery", "quality", "density", "pressure", "brightness", "thickness", "humidity", "vibration",
)  # fmt: skip
_NAMES = (
    "oak", "ash", "elm", "birch", "cedar", "walnut", "copper", "iron", "tin", "zinc", "nickel", "granite", "slate", "chalk",
    "marble", "clay", "cotton", "linen", "silk", "felt", "leather", "rubber", "glass", "paper", "cork", "barges", "carts",
    "sledges", "rafts", "nurses", "masons", "glaziers", "weavers", "tailors", "millers", "coopers", "sailors", "pilots",
    "clerks", "porters", "gardeners", "spring", "harvest", "night", "market", "harbour", "mill", "quarry", "forge",
    "Anton", "Berta", "Carla", "Dorian", "Edith", "Fabian", "Greta", "Hector", "Irma", "Jonas", "Klara", "Lorenz", "Mira",
    "Nestor", "Olga", "Piet", "Ruben", "Selma", "Tilda", "Viktor", "Alpha", "Delta", "Sigma", "Omega", "Kappa", "Lambda",
)  # fmt: skip
_STEPS = (
    "asking", "booking", "building", "calling", "casting", "copying", "counting", "cutting", "drawing", "digging", "filing",
    "firing", "gluing", "hiring", "listing", "marking", "meeting", "mending", "milling", "mixing", "naming",
    "phoning", "painting", "planning", "pressing", "plating", "reading", "sealing", "selling", "signing", "stacking",
    "storing", "teaching", "tracing", "turning", "voting", "waiting", "wiring", "writing",
)  # fmt: skip
_ROWS = (3, 8)
"""Of a heat map. Days are five to seven: a model that had seen no other numbers read maps of four rows a row too low."""
_VIEWS = ("{q} by {g}", "the {q} by {g}", "{q}")
_GROUPINGS = ("kind", "group", "supplier", "team", "site", "material", "season", "workshop")
_FLOWS = ("the {t} {h} routine", "the round of {t} {h}", "the {t} {h} process")
_AGAINST = ("{t} {h}", "{t} {h}", "{h} of the {t}", "{t} {h} during the season", "{h} before a {t} is sold")
"""Three words and more, too: of `temperature during blossom` a model that had copied only pairs wrote `temperature`."""
_NOTES = (
    "The figures were taken from the books and checked by a second person.",
    "Entries without a date were left out.",
    "A change of method three years ago makes older values hard to compare.",
    "Readings were taken by hand until the new system came.",
    "Rounding follows the rules of the statistical office.",
    "The instruments were calibrated before and after.",
)


def made_up(measure: Measure, rng: Random) -> Measure:
    """The measure with another quantity, other names and another caption; its shape, its values and its axis stay."""
    thing, head = rng.choice(_THINGS), rng.choice(_HEADS)
    process, relation, grid = (measure.shape == shape for shape in ("process", "relation", "grid"))
    quantity = rng.choice(_FLOWS if process else ("{t} {h}",)).format(t=thing, h=head)
    names, against, view = measure.names, measure.against, quantity
    if relation:
        other = [rng.choice([word for word in words if word not in (thing, head)]) for words in (_THINGS, _HEADS)]
        against = (rng.choice(_AGAINST).format(t=other[0], h=other[1]), *measure.against[1:])
        view = f"{quantity} against {against[0]}"
    elif grid:  # its columns stay hours or months
        names = tuple(rng.sample(_NAMES, rng.randint(*_ROWS)))
        columns = measure.view.partition(" by ")[2].partition(" and ")[2] or "column"
        view = f"{quantity} by {rng.choice(_GROUPINGS)} and {columns}"
    elif names:
        names = tuple(rng.sample(_STEPS if process else _NAMES, len(names)))
        view = quantity if process else rng.choice(_VIEWS).format(q=quantity, g=rng.choice(_GROUPINGS))
    return replace(
        measure,
        heading=capital(quantity),
        quantity=quantity,
        view=view,
        notes=tuple(rng.sample(_NOTES, 3)),
        names=names,
        of="for {}",
        groups=measure.groups if grid else (),
        against=against,
    )
