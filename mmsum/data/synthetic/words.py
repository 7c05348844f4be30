"""Names of times in full, and sentences that begin."""

from __future__ import annotations

_LONG = {
    "Mon": "Mondays", "Tue": "Tuesdays", "Wed": "Wednesdays", "Thu": "Thursdays", "Fri": "Fridays",
    "Sat": "Saturdays", "Sun": "Sundays",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip


def long_name(name: str) -> str:
    """A weekday or month in full; anything else as it is."""
    return _LONG.get(name, name)


def capital(text: str) -> str:
    """First letter upper-case, the rest untouched."""
    return text[:1].upper() + text[1:]
