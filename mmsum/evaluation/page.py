"""The page of an evaluation: its tables, and examples side by side, in one HTML file that loads and runs nothing.

Everything that came out of a document is escaped; a content security policy allows the page its own style, by hash, and
pictures inside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from mmsum.claims import CheckedFact, judge, sentences
from mmsum.documents.thumbnails import thumbnail
from mmsum.evaluation.result import Evaluation
from mmsum.evaluation.scores import Scored
from mmsum.evaluation.screen import Sheet, decoding, sheets
from mmsum.evaluation.variants import FIGURES_REMOVED, FULL, reasons
from mmsum.examples import Example, ExampleFigure
from mmsum.records import caption_without_label

PAGE_EXAMPLES = 100
"""Examples shown, the first ones; examples.parquet has all."""

PICTURE_SIDE, PICTURE_BYTES = 420, 60_000


def render_page(evaluation: Evaluation) -> str:
    """The whole page."""
    style = _asset("page.css")
    about = evaluation.about()
    terms = {
        "Model": f"{evaluation.model} ({about['summarizer']})",
        "Data": f"{evaluation.data}, {about['n']} examples",
        **({"Left out": reasons(evaluation.left_out)} if evaluation.left_out else {}),
        "Decoding": decoding(evaluation),
        "Intervals": about["intervals"],
        "Config": about["config"],
    }
    shown = min(len(evaluation.examples), PAGE_EXAMPLES)
    return Template(_asset("page.html")).substitute(
        style=style,
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        title=escape(f"Evaluation of {evaluation.model}"),
        about="".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in terms.items()),
        tables="".join(map(_table, sheets(evaluation))),
        shown=f"{shown} of {len(evaluation.examples)} examples",
        examples="".join(_example(evaluation, index) for index in range(shown)),
    )


def _table(sheet: Sheet) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in sheet.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in sheet.rows
    )
    return (
        f'<section class="sheet"><h2>{escape(sheet.title)}</h2><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(sheet.title)}"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="aside">{escape(sheet.note)}</p></section>'
    )


def _example(evaluation: Evaluation, index: int) -> str:
    example, facts = evaluation.examples.get(index), evaluation.facts[index]
    ours = evaluation.texts[FULL][index]
    without = evaluation.texts.get(FIGURES_REMOVED)
    columns = [_column("Gold", example.summary, facts), _column("Ours", ours.text, facts, ours)]
    if without:
        columns.append(_column("Ours without figures", without[index].text, facts, without[index]))
    return (
        f'<article class="card"><h3 dir="auto">{escape(example.title or example.id)}</h3>'
        f'<p class="id">{escape(example.id)}</p>{_figures(example)}<div class="texts">{"".join(columns)}</div>'
        f"{_facts(facts, ours, without[index] if without else None)}</article>"
    )


def _figures(example: Example) -> str:
    return f'<div class="figures">{"".join(map(_figure, example.figures))}</div>' if example.figures else ""


def _figure(figure: ExampleFigure) -> str:
    picture = thumbnail(figure.image, PICTURE_SIDE, PICTURE_BYTES)
    name = figure.label or "Figure"
    caption = caption_without_label(figure.label, figure.caption)
    plate = '<p class="plate none">no picture</p>'
    if picture:
        data = base64.b64encode(picture.data).decode()
        size = f'width="{picture.width}" height="{picture.height}"'
        plate = f'<img class="plate" {size} alt="{escape(name)}" src="data:image/webp;base64,{data}">'
    return f'<figure>{plate}<figcaption dir="auto"><b>{escape(name)}</b> {escape(caption)}</figcaption></figure>'


def _column(name: str, text: str, facts: Sequence[CheckedFact], scored: Scored | None = None) -> str:
    """A text whose sentences carry the verdict on the facts that they claim."""
    numbers, failure = "", ""
    if scored:
        numbers = f"ROUGE-L {100 * scored.rouge['rougeL']:.1f} · {scored.words} words"
        failure = scored.written.failure
    body = " ".join(_sentence(sentence, facts) for sentence in sentences(text))
    why = f'<p class="aside">{escape(failure)}</p>' if failure else ""
    return (
        f'<section><h4>{escape(name)} <small>{numbers}</small></h4><p class="text" dir="auto">'
        f"{body or '<i>no text</i>'}</p>{why}</section>"
    )


def _sentence(sentence: str, facts: Sequence[CheckedFact]) -> str:
    verdicts = {judge(fact, sentence, facts) for fact in facts}
    verdict = "wrong" if "wrong" in verdicts else "right" if "right" in verdicts else ""
    said = escape(sentence)
    return f'<mark class="{verdict}" title="{verdict}">{said}</mark>' if verdict else f"<span>{said}</span>"


def _facts(facts: Sequence[CheckedFact], ours: Scored, without: Scored | None) -> str:
    if not facts:
        return ""
    rows = []
    for position, fact in enumerate(facts):
        marks = [_badge(ours.told[position].verdict)]
        if without:
            marks.append(_badge(without.told[position].verdict))
        cells = [escape(fact.figure), escape(fact.kind), *marks, f'<span dir="auto">{escape(fact.statement)}</span>']
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ["figure", "kind", "ours", *(["without figures"] if without else []), "fact"]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<details class="facts" open><summary>{len(facts)} facts that stand only in a figure</summary><div class="scroll" '
        f'tabindex="0" role="region" aria-label="Facts"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _badge(verdict: str) -> str:
    return f'<span class="badge {verdict}">{verdict}</span>'


def _asset(name: str) -> str:
    return files("mmsum.evaluation").joinpath(name).read_text(encoding="utf-8")
