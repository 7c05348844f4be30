"""Sentences of the reports' text by voice (the i-th is that of voice i), and others for held-out reports. No logic."""

from __future__ import annotations

MENTIONS = (
    "{label} shows {view}.",
    "We have plotted {view} in {label}.",
    "The reader is referred to {label} for {view}.",
    "Let us look at {view} ({label}).",
    "In {label}, {view} can be seen.",
)
HELD_OUT_MENTIONS = (
    "{View} went into {label}.",
    "A drawing of {view} is printed as {label}.",
    "See {label} on {view}.",
    "What we know of {view} was put into {label}.",
    "{label} was prepared from the data on {view}.",
)
OPENINGS = ("The report", "Our paper", "This document", "The present study", "This note")
HELD_OUT_OPENINGS = ("The brief", "The following review", "This bulletin", "The survey", "This dossier")
GOLD_OPENINGS = ("The report", "The paper", "This document", "The study", "The note")
"""The openings replace "The report" at the start of a topic's gist."""

HEADINGS = (
    ("Background", "Method", "Discussion", "Conclusions"),
    ("Why we looked", "What we did", "What we make of it", "What we will do"),
    ("1 Introduction", "2 Sources", "4 Interpretation", "5 Recommendations"),
    ("The setting", "About the data", "Remarks", "Next steps"),
    ("Context", "Collection", "Reading the results", "Proposals"),
)
HELD_OUT_HEADINGS = (
    ("Preamble", "Evidence", "Commentary", "Measures"),
    ("How this came about", "Where the data came from", "Thoughts", "Plans"),
    ("Occasion", "Procedure", "Assessment", "Decisions"),
    ("Scope", "Materials", "Considerations", "Follow-up"),
    ("First words", "Basis", "Appraisal", "Outlook"),
)

LISTS = (
    "{what}: {names}.",
    "{what} as drawn: {names}.",
    "The order of the {what} is {names}.",
    "{What}, {names}.",
    "Here the {what} read {names}.",
)
HELD_OUT_LISTS = ("Printed {what}: {names}.", "Legend to the {what}: {names}.", "Of the {what} we name {names}.")

STATED = {
    "records": (
        r"\b(?:records?|cases|entries)\b",
        (
            "In all, {n} records were examined.",
            "We went through {n} records.",
            "The number of records examined is {n}.",
            "There were {n} records to go by.",
            "A total of {n} records could be used.",
        ),
        ("The work draws on {n} entries.", "Of the cases, {n} were fit for use."),
        (
            "It rests on {n} records.",
            "It uses {n} records in all.",
            "The number of records is {n}.",
            "There were {n} records.",
            "Its basis is a set of {n} records.",
        ),
    ),
    "cost": (
        r"\b(?:cost|price|budget|spent)\b",
        (
            "The work cost {n} pounds.",
            "We spent {n} pounds on it.",
            "The cost of the study was {n} pounds.",
            "It was done at a cost of {n} pounds.",
            "A budget of {n} pounds was used up.",
        ),
        ("The price of the exercise came to {n} pounds.", "For this, {n} pounds had to be spent."),
        (
            "The work cost {n} pounds.",
            "It took a budget of {n} pounds.",
            "The cost was {n} pounds.",
            "In all, {n} pounds were spent.",
            "Its cost is put at {n} pounds.",
        ),
    ),
    "days": (
        r"\b(?:working days|days of work)\b",
        (
            "Staff gave {n} working days to it.",
            "It took us {n} working days.",
            "The effort amounted to {n} days of work.",
            "All this needed {n} working days.",
            "The time needed was {n} days of work.",
        ),
        ("Colleagues put {n} days of work into it.", "No fewer than {n} working days went by over it."),
        (
            "It took {n} working days.",
            "Staff needed {n} working days for it.",
            "The effort was {n} days of work.",
            "The work took {n} working days.",
            "It cost {n} days of work.",
        ),
    ),
}
"""Numbers that the text tells: kind -> cue, sentences of the text, of held-out texts, of the gold."""

OFF_TOPIC = (
    "{label} belongs to another file and is reproduced only for completeness.",
    "{label} is decoration.",
    "{label} was added by the printer and is not part of the argument.",
    "{label} is not discussed here.",
    "{label} has nothing to do with the matter.",
)
HELD_OUT_OFF_TOPIC = ("{label} fills the page and may be passed over.", "{label} came with the template.")
