"""What a user can do about each kind of failure: one or two sentences, shown beside the failures of that kind."""

from __future__ import annotations

from mmsum.errors import FailureKind

ADVICE: dict[FailureKind, str] = {
    FailureKind.ENCRYPTED: (
        "The document asks for a password. Save a copy without one, put it in the archive and run the command again."
    ),
    FailureKind.CORRUPT: (
        "The bytes are damaged or are not what the file name says. "
        "Open the source to see whether anything else can read it, replace it with an intact copy, and run again."
    ),
    FailureKind.UNSUPPORTED: (
        "This format cannot be read. Convert the document to PDF, or leave such files out of the source."
    ),
    FailureKind.TOO_LARGE: (
        "The document is larger than a limit allows; the message names the limit. Raise it in the config "
        "(limits.bytes, limits.pages, limits.pixels or limits.calls), or split the document."
    ),
    FailureKind.TIMED_OUT: (
        "Reading took longer than allowed. Raise limits.seconds_per_page or limits.seconds_per_document; "
        "where the machine was merely busy, another attempt may be enough."
    ),
    FailureKind.OUT_OF_MEMORY: (
        "Reading needed more memory than allowed. Raise limits.memory_mb, or lower resources.parse_tasks "
        "so that fewer documents share the machine."
    ),
    FailureKind.CRASHED: (
        "The reader died on this document, more than once. It is kept apart so that it harms nothing else; "
        "opening it in another program and saving it as PDF often gives a readable copy."
    ),
    FailureKind.EMPTY: (
        "There is no text and no figure to summarize. If the source does show something, "
        "it is probably a scan: see needs_ocr."
    ),
    FailureKind.NEEDS_OCR: (
        "The pages are pictures of text. Run the document through an OCR program that writes a searchable PDF, "
        "put that in its place, and run again."
    ),
    FailureKind.FETCH_FAILED: (
        "The bytes could not be fetched, although the store as a whole answered. Try these documents again."
    ),
    FailureKind.NOT_FOUND: (
        "The object was listed but is no longer there. "
        "If it was removed on purpose, the next snapshot will leave it out."
    ),
    FailureKind.FORBIDDEN: (
        "The credentials of the run may not read this object. Grant them read access, then try these documents again."
    ),
    FailureKind.CHANGED: (
        "The object was replaced after it had been planned. The next snapshot will read its new version."
    ),
    FailureKind.GENERATION_FAILED: (
        "The document was read, but writing its summary failed. Try it again; "
        "if it fails again, the message names what to report."
    ),
}
"""Advice for every FailureKind, as plain text."""
