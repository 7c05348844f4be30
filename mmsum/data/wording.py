"""Small phrases: amounts with their unit, names written out, what is measured for one series."""

from __future__ import annotations

from mmsum.data.spec import Chart

_LONG = {
    "Mon": "Mondays", "Tue": "Tuesdays", "Wed": "Wednesdays", "Thu": "Thursdays", "Fri": "Fridays",
    "Sat": "Saturdays", "Sun": "Sundays",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip


def amount(value: float, unit: str) -> str:
    """``1240, "litres"`` -> ``"1,240 litres"``; a percent sign stands close."""
    number = f"{value:,.0f}" if abs(value) >= 60 or value == int(value) else f"{value:,.1f}"
    if abs(value) < 6 and value != int(value):
        number = f"{value:.2f}".rstrip("0")
    return f"{number}%" if unit == "%" else f"{number} {unit}"


def long_name(name: str) -> str:
    """A weekday or month in full; anything else as it is."""
    return _LONG.get(name, name)


def capital(text: str) -> str:
    """First letter upper-case, the rest untouched."""
    return text[:1].upper() + text[1:]


def subject(chart: Chart, name: str) -> str:
    """``"daily demand in Northgate"``, or the bare quantity where there is one series without a name."""
    return f"{chart.quantity} {chart.of.format(long_name(name))}" if name else chart.quantity


def moment(chart: Chart, label: str) -> str:
    """``"in 2019"``, ``"in March"`` or ``"in week 12"``: a label of a line chart inside a sentence."""
    if chart.x_label.startswith("Week"):
        return f"in week {label}"
    return f"in {long_name(label)}"


def hours(label: str) -> str:
    """A heat-map column of times inside a sentence: ``"16-20"`` -> ``"between 16:00 and 20:00"``."""
    start, dash, end = label.partition("-")
    return f"between {int(start)}:00 and {int(end)}:00" if dash else f"at {int(start)}:00"
