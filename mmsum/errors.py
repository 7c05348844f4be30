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
    """Why a document has no full summary. README says what a user can do about each."""

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
