"""How PyMuPDF tells of trouble: which exceptions mean damage, which mean memory, and its warnings."""

from __future__ import annotations

import pymupdf

DAMAGE = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
"""What PyMuPDF answers to damage inside a file; FzErrorBase is no RuntimeError."""


def quiet() -> None:
    """Keep MuPDF's own messages off stdout and stderr; take_warnings() still has them."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


def take_warnings() -> str:
    """MuPDF's warnings since the last call, as one line."""
    warnings: str = pymupdf.TOOLS.mupdf_warnings(reset=True)
    return "; ".join(line for line in warnings.splitlines() if line)


def raise_if_out_of_memory(error: Exception) -> None:
    """Turn MuPDF's and C++'s words for it into MemoryError."""
    if any(word in str(error) for word in ("malloc", "bad_alloc", "out of memory")):
        raise MemoryError(str(error)) from error


def reason(error: Exception, path: str = "") -> str:
    """An error on one line, without the temporary path it may name."""
    text = str(error).replace(f"'{path}'", "") if path else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
