"""What topics lack for flow diagrams: a process and its boxes, as measures of the shape "process". Prose only."""

from __future__ import annotations

from mmsum.data.synthetic.topic import Measure


def _process(quantity: str, *boxes: str) -> Measure:
    notes = (
        "The diagram was drawn by the people who do the work.",
        "Each box stands for a task with a name and a person who answers for it.",
        "Arrows stand for what is handed on.",
    )
    return Measure("process", "How the work runs", quantity, "", 0, 1, f"the plan of {quantity}", notes, names=boxes)


PROCESSES: dict[str, Measure] = {
    "bakery sales": _process("the night shift", "weighing", "kneading", "proving", "shaping", "baking", "packing"),
    "bus punctuality": _process(
        "the depot routine", "fuelling", "washing", "checking", "parking", "rostering", "release"
    ),
    "cycling counts": _process("the count", "sensor", "logger", "upload", "cleaning", "review", "archive"),
    "hospital waiting times": _process(
        "the patient pathway", "desk", "triage", "doctor", "imaging", "ward", "discharge"
    ),
    "library loans": _process(
        "the purchase of books", "wish list", "budget", "order", "delivery", "labelling", "shelf"
    ),
    "school meals": _process("the kitchen routine", "menu", "ordering", "storage", "cooking", "transport", "serving"),
    "museum visitors": _process(
        "the loan of an exhibit", "request", "inspection", "insurance", "crate", "journey", "display"
    ),
    "orchard yields": _process("the packing line", "washing", "sorting", "grading", "wrapping", "cooling", "loading"),
    "river temperature": _process("the round of readings", "probe", "recorder", "radio", "office", "check", "table"),
    "software support tickets": _process(
        "the ticket workflow", "inbox", "triage", "first line", "experts", "testing", "reply"
    ),
    "town water use": _process("the treatment works", "intake", "screen", "filter", "disinfection", "tank", "pump"),
    "wind farm output": _process("the service visit", "alarm", "diagnosis", "parts", "climb", "repair", "restart"),
}
"""Key of the topic -> its process."""

SEEN_NAMES = (
    "Abbotsford", "Alder Row", "Birchwood", "Blackmoor", "Carrick", "Cedar Hill", "Cold Spring", "Copperfield", "Dalby",
    "Eastgate", "Elmstead", "Fairview", "Fernhill", "Glenside", "Granby", "Hartwell", "Hazel Lane", "Ivybridge",
    "Juniper", "Kingsmead", "Lakeside", "Lowfield", "Maple Court", "Marlow", "Norwood", "Oldcastle", "Orchard End",
    "Pinecrest", "Quarry Road", "Redhill", "Rosewood", "Saltmarsh", "Silverdale", "Stonebridge", "Summerfield",
    "Thornton", "Upton", "Valley Road", "Whitcombe", "Willowbank", "Woodside", "Yewtree",
)  # fmt: skip
HELD_OUT_NAMES = (
    "Ashdown", "Bellmore", "Crowhurst", "Dovecote", "Eversley", "Foxglove", "Greystone", "Highbury", "Kestrel",
    "Longmead", "Millrace", "Netherby", "Otterburn", "Priory", "Ravenswood", "Sandhurst", "Teal Park", "Wharfside",
)  # fmt: skip
"""Names of places that stand in for a topic's own ones, so that no name comes to mean a value."""
