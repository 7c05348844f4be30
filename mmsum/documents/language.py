"""Which language a text is written in."""

from __future__ import annotations

from functools import cache
from typing import Any

_ENOUGH = 20
"""Letters below which a guess is worth nothing."""
_SURE = 0.7
_SAMPLE = 4000


def language_of(text: str) -> str:
    """ISO 639-1 code by letter statistics (py3langid, a naive Bayes model over byte n-grams); "" where it is not sure."""
    middle = text[len(text) // 4 :][:_SAMPLE]  # not the authors and addresses at the start
    sample = middle if len(middle) > _SAMPLE // 4 else text[:_SAMPLE]
    if sum(c.isalpha() for c in sample) < _ENOUGH:
        return ""
    code, probability = _identifier().classify(sample)
    return str(code) if probability >= _SURE else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 0.5 s: paid by the first document, not by the import

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
