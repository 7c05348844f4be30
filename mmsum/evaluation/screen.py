"""The tables of an evaluation, as plain cells: printed here, and shown again on its page."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from mmsum.evaluation.intervals import Difference, Interval
from mmsum.evaluation.result import Evaluation
from mmsum.evaluation.scores import Scores
from mmsum.evaluation.variants import ABLATIONS, FIGURES_SWAPPED, FULL, reasons
from mmsum.rouge import VARIANT


@dataclass(frozen=True)
class Sheet:
    """A table of cells; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    about = evaluation.about()
    splits = ", ".join(f"{count} of split {name or '(none)'}" for name, count in about["splits"].items())
    console.print(f"model      {evaluation.model} ({about['summarizer']})", soft_wrap=True)
    console.print(f"data       {evaluation.data}: {splits}", soft_wrap=True)
    if evaluation.left_out:
        console.print(f"left out   {reasons(evaluation.left_out)}", soft_wrap=True)
    console.print(f"decoding   {decoding(evaluation)}", soft_wrap=True)
    for sheet in sheets(evaluation):
        table = Table(title=sheet.title, title_justify="left", caption=sheet.note or None, caption_justify="left")
        table.box, table.pad_edge = box.SIMPLE_HEAD, False
        for number, name in enumerate(sheet.columns):
            table.add_column(name, justify="right" if number else "left", no_wrap=number > 0)
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def decoding(evaluation: Evaluation) -> str:
    """The settings that summaries were written with, in one line."""
    settings: dict[str, object] = evaluation.about()["decoding"]
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def sheets(evaluation: Evaluation) -> list[Sheet]:
    """Systems side by side; what each ablation costs; facts by kind. Those that have nothing to say are left out."""
    found = [_texts(evaluation)]
    if evaluation.baselines:
        found.append(_differences(evaluation))
    if evaluation.by_kind:
        found.append(_facts(evaluation))
    if evaluation.scores[FULL].of_text:
        found.append(_facts_of_text(evaluation))
    if evaluation.ablations:
        found.append(_ablations(evaluation))
    if evaluation.by_kind:
        found.append(_kinds(evaluation))
    return found


def _texts(evaluation: Evaluation) -> Sheet:
    rows = []
    for name, scores in _systems(evaluation).items():
        rouge = scores.rouge
        row = [name, *(_percent(rouge[kind].mean) for kind in ("rouge1", "rouge2", "rougeL"))]
        row += [_ends(rouge["rougeL"]), _percent(rouge["rougeLsum"].mean)]
        rows.append([*row, f"{scores.words:.0f}", _percent(scores.repetition), f"{100 * scores.same_language:.0f}"])
    note = (
        f"x 100. {VARIANT}. 95 %: of R-L, bootstrap over documents. rep: 4-grams that stood before. lang: summaries in "
        f"the gold's language. {evaluation.scores[FULL].failed} of ours failed."
    )
    if uncounted := evaluation.golds_without_words:
        note += f" {uncounted} golds have no word that ROUGE counts (a-z, 0-9): whatever is written scores 0."
    columns = ["", "R-1", "R-2", "R-L", "95 %", "R-Lsum", "words", "rep", "lang"]
    return Sheet(f"ROUGE over {len(evaluation.examples)} examples", columns, rows, note)


def _differences(evaluation: Evaluation) -> Sheet:
    rows = [
        [name, _difference(scores.minus_rouge), _probability(scores.minus_rouge), _difference(scores.minus_right)]
        for name, scores in evaluation.baselines.items()
    ]
    note = "x 100, with 95 % intervals; higher: the share of paired bootstrap resamples in which ours is."
    return Sheet("ours minus each baseline", ["", "R-L", "higher", "facts right"], rows, note)


def _facts(evaluation: Evaluation) -> Sheet:
    rows = []
    for name, scores in _systems(evaluation).items():
        if facts := scores.facts:
            row = [name, _percent(facts.right.mean), _ends(facts.right), _percent(facts.wrong.mean)]
            rows.append([*row, _percent(facts.absent.mean), _mean(facts.cited), _mean(facts.cited_right)])
    for name, share in (("chance", evaluation.chance), ("gold", evaluation.gold_right)):
        if share is not None:
            rows.append([name, _percent(share), *[""] * 5])
    note = (
        "x 100, of all such facts. cited: told in a sentence that names a figure; cited right: of right ones told so, "
        "those that name their own. chance: the best constant answer per kind of fact. gold: the gold summaries themselves."
    )
    columns = ["", "right", "95 %", "wrong", "absent", "cited", "cited right"]
    return Sheet("facts that stand only in a figure", columns, rows, note)


def _facts_of_text(evaluation: Evaluation) -> Sheet:
    rows = [
        [name, *map(_percent, (facts.right.mean, facts.wrong.mean, facts.absent.mean)), _ends(facts.right)]
        for name, scores in {**_systems(evaluation), **evaluation.ablations}.items()
        if (facts := scores.of_text)
    ]
    columns = ["", "right", "wrong", "absent", "95 % of right"]
    return Sheet("facts of the gold that the text tells", columns, rows, "x 100, of all such facts.")


def _systems(evaluation: Evaluation) -> dict[str, Scores]:
    return {"ours": evaluation.scores[FULL], **evaluation.baselines}


def _ablations(evaluation: Evaluation) -> Sheet:
    columns = ["", "R-L", "costs", "right", "costs", "stated", "costs"]
    rows = []
    for name, scores in {FULL: evaluation.scores[FULL], **evaluation.ablations}.items():
        facts = scores.facts
        row = [name.replace("_", " "), _percent(scores.rouge["rougeL"].mean), _cost(scores.minus_rouge)]
        row += [_percent(facts.right.mean) if facts else "-", _cost(scores.minus_right)]
        row += [_percent(1 - facts.absent.mean) if facts else "-", _cost(scores.minus_told)]
        rows.append(row)
    meanings = "; ".join(f"{name.replace('_', ' ')}: {ABLATIONS[name]}" for name in evaluation.ablations)
    note = f"x 100, costs with 95 % intervals. right, stated: facts that stand only in a figure. {meanings}."
    if FIGURES_SWAPPED not in evaluation.ablations:
        note += " figures swapped: not measured, for no two of the documents have figures to swap."
    return Sheet("what each part is worth", columns, rows, note)


def _kinds(evaluation: Evaluation) -> Sheet:
    rows = [
        [kind, str(found.facts), *(_percent(share) for share in (found.right, found.wrong, found.absent, found.chance))]
        for kind, found in evaluation.by_kind.items()
    ]
    facts = evaluation.scores[FULL].facts
    if facts and evaluation.chance is not None:
        means = (facts.right.mean, facts.wrong.mean, facts.absent.mean, evaluation.chance)
        rows.append(["all", str(facts.facts), *map(_percent, means)])
    return Sheet("the same by kind of fact, of ours", ["kind", "facts", "right", "wrong", "absent", "chance"], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _mean(interval: Interval | None) -> str:
    return _percent(interval.mean) if interval else "-"


def _ends(interval: Interval) -> str:
    return f"{_percent(interval.low)}-{_percent(interval.high)}"


def _difference(found: Difference | None) -> str:
    return f"{100 * found.mean:+.1f} [{100 * found.low:+.1f},{100 * found.high:+.1f}]" if found else ""


def _cost(found: Difference | None) -> str:
    return f"{100 * found.mean:+.1f}\n{100 * found.low:.1f} to {100 * found.high:.1f}" if found else ""


def _probability(found: Difference | None) -> str:
    return f"{100 * found.probability:.0f} %" if found else ""
