"""Names: what is one, and which of them a document has."""

from __future__ import annotations

import pytest

from mmsum.generation.names import NamesKnown, names

READ = [
    "Dust over Graz",
    "We use PyTorch, the Fourier-Motzkin method and GPUs. The University of Graz and M. Huber measured it.",
]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("Loans rose in every month.", []),
        ("The work was done in Rowley by Anna Berg.", ["Rowley", "Anna", "Berg"]),
        ("PyTorch is used, and so is numpy.", ["PyTorch"]),
        ("It uses principal component analysis (PCA) and cellular automata (CA).", []),
        ("* Speed: It is fast. “Parts” are few: Three.", []),
        ("I saw figure A.", []),
        ("Es liegt in den Händen der Stadt.", ["Händen", "Stadt"]),
    ],
)
def test_what_is_written_like_a_name(sentence: str, found: list[str]) -> None:
    assert list(names(sentence)) == found


@pytest.mark.parametrize(
    "told",
    [
        "The team of Huber in Graz measured the dust.",
        "It was measured by Huber’s team at the University of Graz.",
        "The Motzkin method of Fourier runs on a GPU with pytorch-based code.",
        "It is written in Python.",  # one name may be what everybody knows
        "Python, Python and Python.",
        "We use principal components (PCA) and Pytorch.",
    ],
)
def test_what_a_summary_may_tell(told: str) -> None:
    assert not NamesKnown(READ).refuses(told)


@pytest.mark.parametrize(
    "told",
    [
        "It was developed at the University of California, Berkeley.",
        "It is sold as PyDust on OpenGraz.",
        "Anna Berg measured it.",
        "The method of Huber was found by Maria Berg.",
    ],
)
def test_what_it_may_not(told: str) -> None:
    # The first word of a sentence says nothing: it always has a capital.
    assert NamesKnown(READ).refuses(told.replace("Anna", "In all, Anna"))
