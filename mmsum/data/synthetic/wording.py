"""How each kind of fact is said, in several voices, and how a text is checked for it.

A phrase is a clause with the slots {q} (the quantity, with "of" and the series where there are several) and {a} (a
name that answers). One sentence tells one fact, so that the checks need not take sentences apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from mmsum.claims import CheckedFact
from mmsum.data.synthetic.named_phrases import NAMED
from mmsum.data.synthetic.phrases import PHRASES
from mmsum.data.synthetic.plot import Claim
from mmsum.data.synthetic.words import capital, long_name

VOICES = 5
"""Manners of writing. A report keeps to one, in its text and in its gold summary."""

MISLED = "misled "
"""Put before the kind of a fact whose figure has a caption that hints at another answer."""

_UP = r"rose|rise[ns]?|rising|grew|grow(?:s|n|ing)?|climb\w*|increas\w*|went up|upwards?|gain\w*|mounted"
_DOWN = r"fell|falls?|falling|fallen|declin\w*|decreas\w*|drop\w*|sank|went down|downwards?|shrank|shrink\w*|shrunk"
_TURN = r"\b(?:then|before|but|until|again|later)\b"
_HIGH = r"\b(?:highest|largest|biggest|greatest|most|top|first|led|leads|leader|tallest|no other|maximum)\b"
_LOW = r"\b(?:lowest|smallest|least|bottom|last|fewest|shortest|weakest|minimum)\b"
_NO = r"\b(?:no|not|never|none|without|any|nothing|neither)\b"

_TREND = {
    "rising": rf"^(?!.*{_TURN}).*\b(?:{_UP})\b",
    "falling": rf"^(?!.*{_TURN}).*\b(?:{_DOWN})\b",
    "peak": rf"\b(?:peak\w*|summit|hump|crest\w*)\b|\b(?:{_UP})\b.*{_TURN}.*\b(?:{_DOWN})\b",
    "dip": rf"\b(?:dip\w*|trough|valley|low point|bottomed)\b|\b(?:{_DOWN})\b.*{_TURN}.*\b(?:{_UP}|recover\w*)\b",
    "level": r"\b(?:level|flat|steady|stable|unchanged|constant|hardly (?:changed|moved))\b",
}


@dataclass(frozen=True, slots=True)
class Check:
    """Patterns of one kind of fact: its cue beside the quantity, and its options (None: they are names)."""

    cue: str
    options: dict[str, str] | None = None


_PLACE = {
    "low": r"\b(?:low(?:er)?|left|bottom)\b",
    "middle": r"\b(?:middle|cent(?:re|er|ral))\b",
    "high": r"\b(?:high|upper|right|top)\b",
}
_COMPASS = {
    "north-west": r"\bnorth-?\s?west",
    "north-east": r"\bnorth-?\s?east",
    "south-west": r"\bsouth-?\s?west",
    "south-east": r"\bsouth-?\s?east",
    "centre": r"\b(?:cent(?:re|er|ral)|middle)\b",
}

_WHOLE = r"(?<![\w.,-])"
"""Before a number that stands alone: 2.5 times is not five times."""
_TIMES = {
    "twice": rf"{_WHOLE}(?:twice|(?:two|2) times|doubled?|twofold)\b",
    "three times": rf"{_WHOLE}(?:(?:three|3) times|tripled?|trebled?|threefold)\b",
    "five times": rf"{_WHOLE}(?:(?:five|5) times|fivefold)\b",
}

CHECKS = {
    "trend": Check("", _TREND),
    "total": Check(r"\b(?:total|whole|together|sum|overall|combined)\b", _TREND),
    "turning": Check(
        r"\bturn\w*\b",
        {
            "early": r"\b(?:early|first|beginning|start)\b",
            "middle": r"\b(?:middle|midway|half-?way)\b",
            "late": r"\b(?:late|last|end)\b",
        },
    ),
    "swings": Check(
        r"\b(?:line|curve|course|path)\b",
        {
            "smooth": rf"^(?!.*{_NO}).*\b(?:smooth\w*|even|gentle|calm)\b",
            "jagged": r"\b(?:jagged|erratic\w*|zig-?zag\w*|restless|ragged)\b",
        },
    ),
    "final": Check(r"(?<!one )\b(?:end|ended|finish\w*|final|close)\b"),
    "crossing": Check(
        r"\b(?:cross\w*|overt\w+|places|touch\w*|apart|meet\w*|met)\b",
        {
            "crossed": rf"^(?!.*(?:{_NO}|\bapart\b)).*\b(?:cross\w*|overt\w+|changed places|swapped|met)\b",
            "apart": rf"\bapart\b|{_NO}.*\b(?:cross\w*|overt\w+|touch\w*|meet|met|places)\b",
        },
    ),
    "largest": Check(_HIGH),
    "smallest": Check(_LOW),
    "spread": Check(r"\b(?:varied|vary|varies|variation|spread|widest|scattered|box)\b"),
    "row": Check(rf"(?:{_HIGH}|\bbusiest\b)"),
    "column": Check(rf"(?:{_HIGH}|\bbusiest\b)"),
    "groups": Check(r"\b(?:throughout|every|each|everywhere|across the board)\b"),
    "margin": Check(
        r"\b(?:margin|gap|lead|distance)\b",
        {"wide": r"\b(?:wide|clear|large|big|long)\b", "narrow": r"\b(?:narrow|slim|small|thin|short)\b"},
    ),
    "ratio": Check(
        rf"(?:{_HIGH}|\b(?:best|leader)\b).*\b(?:times|twice|double|\w+fold|triple)\b",
        _TIMES,
    ),
    "growth": Check(
        r"\b(?:total|whole|(?:al)?together|sum|overall|combined)\b.*\b(?:beginning|began|start\w*|first|doubled|trebled|tripled|halved)\b",
        {
            **{times: _TIMES[times] for times in ("twice", "three times")},
            "half": r"(?<!and a )(?<!by )\bhal(?:f|ved)\b",
            "a third": r"(?<!by )\b(?:a|one)[ -]third\b",
        },
    ),
    "share": Check(
        r"\b(?:share|slice|part|portion|piece)\b",
        {
            "over half": r"\b(?:more than|over|above) (?:a |one )?half\b|\bmajority\b",
            "third to half": r"\bbetween (?:a|one) third and (?:a|one) half\b",
            "under third": r"\b(?:less than|under|below) (?:a|one) third\b",
        },
    ),
    "relation": Check(
        "",
        {
            "positive": rf"^(?!.*(?:{_NO}|\b(?:{_DOWN}|negative\w*|inverse\w*|opposite|lower|shorter|fewer)\b)).*"
            rf"\b(?:{_UP}|positive\w*|hand in hand|higher|same direction)\b",
            "negative": rf"^(?!.*{_NO}).*\b(?:{_DOWN}|negative\w*|inverse\w*|opposite|lower)\b",
            "none": rf"{_NO}.*\b(?:link|connection|relation\w*|pattern|do with|depend\w*)\b|\b(?:unrelated|independent)\b",
        },
    ),
    "outlier": Check(
        r"\b(?:points?|dots?|outliers?|cloud)\b",
        {"one": rf"^(?!.*{_NO}).*\b(?:one|single|stray|outlier)\b", "none": _NO},
    ),
    "humps": Check(
        r"\b(?:humps?|hills?|peaks?|modes?)\b", {"one": r"\b(?:one|single)\b", "two": r"\b(?:two|double|twin)\b"}
    ),
    "taller": Check(
        r"\b(?:taller|higher|larger|bigger)\b", {"low": r"\b(?:low|lower|left)\b", "high": r"\b(?:high|upper|right)\b"}
    ),
    "place": Check(r"\b(?:values|bulk|cluster\w*|concentrat\w*|lay|lie)\b", _PLACE),
    "width": Check(r"\b(?:band|range|spread)\b", {"wide": r"\b(?:wide|broad)\b", "narrow": r"\b(?:narrow|tight)\b"}),
    "shape": Check(
        "",
        {
            "chain": r"\b(?:straight|single line|chain|one after (?:the )?other)\b",
            "branch": r"\b(?:branch\w*|fork\w*|splits?|divides?)\b",
            "loop": r"\b(?:loops?|back to the (?:start|beginning)|circle|cycle)\b",
            "merge": r"\b(?:merge\w*|two beginnings|two starts|join\w*|converg\w*)\b",
        },
    ),
    "highlight": Check(r"\b(?:highlight\w*|marked|stands out|emphas\w*|coloured)\b"),
    "decision": Check(r"\b(?:diamond|decision|decid\w*|choice|lozenge)\b"),
    "zone": Check(r"\b(?:needle|pointer|reading)\b", _PLACE),
    "target": Check(
        r"\b(?:target|goal)\b",
        {"above": r"\b(?:above|beyond|past|exceed\w*|over)\b", "below": r"\b(?:below|short of|under|miss\w*|behind)\b"},
    ),
    "hotspot": Check(r"\b(?:highest|strongest|most|concentrat\w*|densest|hot ?spot)\b", _COMPASS),
    "coldspot": Check(r"\b(?:lowest|weakest|least|thinnest|cold ?spot)\b", _COMPASS),
    "star": Check(r"\bstar\b", _COMPASS),
}


def clause(claim: Claim, quantity: str, voice: int, rng: Random) -> str:
    """The claim in words, without a capital and a full stop: mostly as the voice has it."""
    named = CHECKS[claim.kind].options is None
    phrases = NAMED[claim.kind] if named else PHRASES[claim.kind][claim.answer]
    phrase = phrases[voice % len(phrases)] if rng.random() < 0.8 else rng.choice(phrases)
    what = quantity if not claim.name else f"{quantity} for {long_name(claim.name)}"
    if claim.kind == "relation":
        return phrase.format(q=quantity, x=claim.name)
    return phrase.format(q=what, a=spoken(claim.answer))


def cited(words: str, label: str, voice: int, rng: Random) -> str:
    """The clause as a sentence that names its figure (one in ten does not)."""
    forms = (
        f"{capital(words)} ({label}).",
        f"{label} shows that {words}.",
        f"{capital(words)}, as {label} shows.",
        f"In {label}, {words}.",
        f"According to {label}, {words}.",
    )
    if rng.random() < 0.1:
        return f"{capital(words)}."
    return forms[voice % len(forms)] if rng.random() < 0.7 else forms[0]


def check(
    claim: Claim, quantity: str, statement: str, label: str, misled: bool, shows: Mapping[str, str] | None = None
) -> CheckedFact:
    """The claim as a fact that a text can be checked for. shows: as CheckedFact.shows."""
    known = CHECKS[claim.kind]
    options = known.options or {option: name_pattern(option, claim.options) for option in claim.options}
    about = [name_pattern(quantity)]
    if known.cue:
        about.append(known.cue)
    if claim.name:
        about.append(name_pattern(claim.name))
    chosen = {option: options[option] for option in claim.options}
    kind = f"{MISLED}{claim.kind}" if misled else claim.kind
    return CheckedFact(kind, statement, label, False, about, chosen, claim.answer, dict(shows or {}))


def spoken(name: str) -> str:
    """A name inside a sentence: weekdays and months in full."""
    return long_name(name)


def name_pattern(name: str, among: Sequence[str] = ()) -> str:
    """The name as a word of its own, short or in full, and not as part of a longer one `among` others."""
    forms = dict.fromkeys((name, long_name(name)))
    before, after = "", ""
    for other in among:
        head, found, tail = other.partition(name)
        if found and head:
            before += f"(?<!{re.escape(head)})"
        if found and tail:
            after += f"(?!{re.escape(tail)})"
    return "|".join(rf"(?<![\w-]){before}{re.escape(form)}{after}(?![\w-])" for form in forms)
