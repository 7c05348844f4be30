"""Sentences of the reports' text by voice (the i-th is that of voice i), others for held-out reports, and others again
for reports with made-up names. No logic."""

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
MADE_UP_MENTIONS = (
    "{label} gives {view}.",
    "For {view}, turn to {label}.",
    "{View} is found in {label}.",
    "{View} ({label}).",
    "The next page holds {label}: {view}.",
    "{label} depicts {view}.",
    "Readers will find {view} in {label}.",
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
MADE_UP_LISTS = (
    "The {what} are {names}.",
    "The {what} stand for {names}.",
    "Read the {what} as {names}.",
    "{What} in the figure: {names}.",
    "Shown as {what}: {names}.",
    "Key, {what}: {names}.",
    "We marked the {what} thus: {names}.",
    "To tell the {what} apart: {names}.",
    "{names}: such are the {what}.",
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

MADE_UP_STATED = {
    "records": (
        "The sample holds {n} records.",
        "Behind the numbers stand {n} cases.",
        "{n} entries passed the check.",
        "Our files hold {n} records.",
        "It was possible to read {n} records.",
        "From the archive we took {n} files.",
        "The evidence: {n} records.",
        "This is what {n} cases tell.",
        "Clerks copied {n} entries by hand.",
        "The tables were filled from {n} records.",
        "{n} files were opened one after another.",
        "As many as {n} cases came in.",
        "We had {n} records before us.",
        "The count of cases stands at {n}.",
        "Who wants to check can ask for the {n} entries.",
        "Every one of {n} records was read twice.",
        "Records: {n}.",
        "None of the {n} cases is older than the law.",
    ),
    "cost": (
        "The bill was {n} pounds.",
        "The council granted {n} pounds, and all of it was used.",
        "{n} pounds were paid for the work.",
        "Expenses ran to {n} pounds.",
        "Of the funds, {n} pounds went here.",
        "With {n} pounds it could be paid.",
        "What it cost: {n} pounds.",
        "The money, {n} pounds, came from the reserve.",
        "Its makers asked for {n} pounds.",
        "The treasurer paid {n} pounds.",
        "Pounds paid out: {n}.",
        "It did not come free: {n} pounds.",
        "An invoice over {n} pounds has been settled.",
        "The sum of {n} pounds was set aside and used.",
        "A year later {n} pounds were gone.",
        "The office put in {n} pounds.",
        "{n} pounds, no more, paid for the study.",
        "The accounts list {n} pounds under this heading.",
    ),
    "days": (
        "The team was busy with it for {n} working days.",
        "{n} days of work lie behind these pages.",
        "The time sheets show {n} working days.",
        "From start to end we counted {n} days of work.",
        "It kept the staff at work for {n} days.",
        "Work on it filled {n} days.",
        "After {n} working days it was done.",
        "Time spent: {n} days of work.",
        "Two clerks shared {n} working days.",
        "The calendar has {n} working days for it.",
        "Days of work: {n}.",
        "It was finished within {n} working days.",
        "{n} days passed in writing and in counting.",
        "The share of the staff was {n} days of work.",
        "Those who did it were at it for {n} days.",
        "We set {n} working days aside, and used them.",
        "That made {n} days of work for the office.",
        "Booked on it were {n} working days.",
    ),
}
"""More sentences of the text by kind."""

OFF_TOPIC = (
    "{label} belongs to another file and is reproduced only for completeness.",
    "{label} is decoration.",
    "{label} was added by the printer and is not part of the argument.",
    "{label} is not discussed here.",
    "{label} has nothing to do with the matter.",
)
MADE_UP_OFF_TOPIC = (
    "{label} is there for the eye alone.",
    "Nothing here depends on {label}.",
    "{label} was left in from an older edition.",
    "Readers can skip {label}.",
    "{label} tells of something else.",
)
HELD_OUT_OFF_TOPIC = ("{label} fills the page and may be passed over.", "{label} came with the template.")
