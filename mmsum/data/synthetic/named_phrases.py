"""The phrases of facts whose answer {a} is a name: kind of fact -> clauses, the i-th being that of voice i. No logic."""

from __future__ import annotations

NAMED: dict[str, tuple[str, ...]] = {
    "final": (
        "{a} ended with the best value of {q}",
        "for {q} the line of {a} finished above the rest",
        "at the end {a} was ahead in {q}",
        "{a} stood above its rivals in {q} at the close",
        "in the final count of {q} the lead was with {a}",
    ),
    "largest": (
        "{a} had the highest {q}",
        "{q}: the largest value belonged to {a}",
        "{a} led in {q}",
        "no other entry for {q} came up to {a}",
        "the top place for {q} went to {a}",
    ),
    "smallest": (
        "{a} had the lowest {q}",
        "{q}: the smallest value belonged to {a}",
        "{a} came last in {q}",
        "the weakest entry for {q} was {a}",
        "the bottom place for {q} went to {a}",
    ),
    "spread": (
        "{q} varied more for {a} than elsewhere",
        "the box of {a} is the widest in {q}",
        "{a} showed by far the widest spread of {q}",
        "{q} scattered widely for {a}: its spread stands out",
        "the variation of {q} is strongest for {a}",
    ),
    "row": (
        "{q}: {a} was the busiest row",
        "the row with the highest {q} is {a}",
        "{a} led the rows in {q}",
        "no other row of {q} came up to {a}",
        "among the rows of {q}, {a} is on top",
    ),
    "column": (
        "{q}: {a} was the busiest column",
        "the column with the highest {q} is {a}",
        "{a} led the columns in {q}",
        "no other column of {q} came up to {a}",
        "among the columns of {q}, {a} is on top",
    ),
    "groups": (
        "{q} came out greater for {a} throughout",
        "in every pair of bars {q} stood higher for {a}",
        "{a} beat its counterpart in {q} everywhere",
        "each pair of bars has {a} in front for {q}",
        "across the board {q} was better with {a}",
    ),
    "highlight": (
        "{a} is the highlighted box of {q}",
        "the box marked in colour in {q} is {a}",
        "in {q} the emphasis is on {a}: its box stands out",
        "{a} stands out in {q}",
        "the coloured box of {q} is {a}",
    ),
    "decision": (
        "the decision in {q} is taken at {a}",
        "the diamond of {q} is {a}",
        "in {q} a choice is made at {a}",
        "{q} is decided at {a}",
        "the diamond in {q} stands for {a}",
    ),
}
