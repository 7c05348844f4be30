"""Every error mmsum raises on purpose, and every way a document can fail.

MmsumError                    base; str(error) is one line: the thing, the reason, what to do next
├── UsageError                bad arguments or config; the command exits 2 before anything starts
│   ├── ConfigError           a config field is unknown, missing or wrong
│   ├── SourceError           SRC does not exist, is empty, or may not be read
│   ├── OutputError           OUT cannot be written, or holds something else
│   ├── PresetError           a preset's packages or files are missing
│   └── SnapshotMismatch      a resume with other answer-changing settings
├── EnvironmentFailure        the store, the cluster or the credentials are in trouble: the run stops, exit 1
│   └── StorageError          an object could not be listed, read or written
│       ├── ObjectNotFound    no such object (or bucket)
│       ├── ObjectForbidden   credentials do not allow it
│       ├── CredentialsRefused  credentials are missing, wrong or expired: no object's fault
│       └── ObjectChanged     the object is no longer the version that was planned
└── DocumentFailure           this one document failed: becomes its row, never stops the run
"""

from __future__ import annotations

from enum import StrEnum


class MmsumError(Exception):
    """Base of all errors raised on purpose."""


class UsageError(MmsumError):
    """The command cannot start as asked (exit 2)."""


class ConfigError(UsageError):
    """A config field is unknown, missing or has a wrong value."""


class SourceError(UsageError):
    """SRC is missing, empty or unreadable."""


class OutputError(UsageError):
    """OUT cannot be written, or is not ours."""


class PresetError(UsageError):
    """A preset names packages, files or shapes that are not there."""


class SnapshotMismatch(UsageError):
    """OUT holds a snapshot made with other answer-changing settings."""


class EnvironmentFailure(MmsumError):
    """Not a document's fault: the run stops and can be resumed (exit 1)."""


class StorageError(EnvironmentFailure):
    """An object store or file system refused or failed."""


class ObjectNotFound(StorageError):
    """No object, folder or bucket of that name."""


class ObjectForbidden(StorageError):
    """The credentials at hand do not allow it."""


class CredentialsRefused(StorageError):
    """The credentials are missing, wrong or expired, so that every object is refused."""


class ObjectChanged(StorageError):
    """The object exists, but is another version than the planned one."""


class FailureKind(StrEnum):
    """Why a document has no full summary. ADVICE and README say what a user can do about each."""

    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    EMPTY = "empty"
    NEEDS_OCR = "needs_ocr"
    FETCH_FAILED = "fetch_failed"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    CHANGED = "changed"
    GENERATION_FAILED = "generation_failed"


ADVICE: dict[FailureKind, str] = {
    FailureKind.ENCRYPTED: (
        "The document asks for a password. Save a copy without one in its place and run the command again."
    ),
    FailureKind.CORRUPT: (
        "The bytes are damaged or are not what the file name says. Open the source to see whether anything else can read it, "
        "replace it with an intact copy and run the command again."
    ),
    FailureKind.UNSUPPORTED: (
        "This format cannot be read. Convert the document to PDF or DOCX, or leave such files out of the source."
    ),
    FailureKind.TOO_LARGE: (
        "The document is larger than a limit allows; the message names the limit. Raise it (limits.bytes, limits.pixels, "
        "limits.pages, limits.figures or limits.calls) with --retry failed, or partial where some of it was read; or split "
        "the document."
    ),
    FailureKind.TIMED_OUT: (
        "Reading or generating took longer than allowed; the message says which. Reading: raise limits.seconds_per_page or "
        "limits.seconds_per_document with --retry failed, or partial where some of it was read; where the machine was merely "
        "busy, --retry failed alone may be enough. Generating: raise robustness.generate_seconds (where the message names it, "
        "robustness.stall_minutes), with --retry failed."
    ),
    FailureKind.OUT_OF_MEMORY: (
        "The message says where memory ran out. In reading: raise limits.memory_mb, which each parsing child has, with "
        "--retry failed, or split the document. In generating: lower generation.context_tokens, with --snapshot new."
    ),
    FailureKind.CRASHED: (
        "The reader, or the worker, died on this document more than once. Open it in another program and save it as PDF; "
        "where the machine was to blame, --retry failed takes it again. Report the file if you may."
    ),
    FailureKind.EMPTY: (
        "There is no text and no figure to summarize (the lead summarizer reads text only). Check that it is the right file."
    ),
    FailureKind.NEEDS_OCR: (
        "The pages are pictures of text. Install the extra mmsum[ocr], or raise limits.ocr_pages where it is installed, with "
        "--retry failed, or partial where some of it was read."
    ),
    FailureKind.FETCH_FAILED: (
        "The bytes could not be fetched, although the store as a whole answered. Take it again with --retry failed."
    ),
    FailureKind.NOT_FOUND: (
        "The object was listed, or named in a list, but is not there. If it was removed on purpose, the same command says so "
        "in its row; else put it back, see that every node reaches it, and run with --retry failed."
    ),
    FailureKind.FORBIDDEN: (
        "The run's credentials may not read this object. Let them, on every node, and run with --retry failed."
    ),
    FailureKind.CHANGED: ("The object was replaced after it had been planned. The same command takes the new version."),
    FailureKind.GENERATION_FAILED: (
        "The document was read, but the model wrote nothing, and would again. Take another model, or a longer "
        "generation.summary_tokens, with --snapshot new."
    ),
}
"""What to do next about each kind, as plain text, for the report; README's table says the same in fewer words."""

RETRYABLE = frozenset(
    {
        FailureKind.TIMED_OUT,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.CRASHED,
        FailureKind.FETCH_FAILED,
        FailureKind.FORBIDDEN,
        FailureKind.CHANGED,
        FailureKind.GENERATION_FAILED,
    }
)
"""Kinds that another attempt, without touching the document, may cure."""


class DocumentFailure(MmsumError):
    """One document failed for a named reason; it becomes that document's row."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[type[DocumentFailure], tuple[FailureKind, str]]:
        return (DocumentFailure, (self.kind, self.message))
