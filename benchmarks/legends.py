"""Charts whose names stand in their legends alone, and what a summary tells of them.

    pip install 'mmsum[data,ocr]'
    python benchmarks/legends.py [--reports 60] [--seed 21] [--summarize 16] [--pictures]

Held-out reports of `mmsum data figure-reports --pdf` with charts by Vega-Lite and matplotlib, from whose captions and texts
every list of names is struck out. First, of the legends found in the charts (`mmsum/documents/legends.py`), how many say what
the caption had said. Then, with --summarize, the facts of the first reports' figures in the pocket preset's summaries of the
PDFs: without legends, and with them. With --pictures the charts, Pillow's among them, are pictures in the PDFs, and OCR reads
them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from mmsum.claims import judge, sentences
from mmsum.config import Figures, Limits, load_config
from mmsum.data.synthetic.pdf import render_pdf, with_pdf
from mmsum.data.synthetic.render import render_report
from mmsum.data.synthetic.report import ReportPlan, plan_report
from mmsum.data.synthetic.variation import Variation
from mmsum.data.synthetic.words import long_name
from mmsum.documents.parse import Parser
from mmsum.generation.summarizer import build_summarizer
from mmsum.legend import caption_with_lists, listed
from mmsum.records import Document, ObjectRef

KINDS = ("line", "grouped_bar", "stacked_bar", "pie", "box", "heat_map")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=60, help="whose legends are looked for")
    parser.add_argument("--seed", type=int, default=21, help="of the reports, as of `mmsum data figure-reports`")
    parser.add_argument("--summarize", type=int, default=0, help="of them, how many are summarized, twice")
    parser.add_argument("--pictures", action="store_true", help="the charts are pictures, which OCR reads")
    given = parser.parse_args()
    plans = list(_reports(given.reports, given.seed, given.pictures))
    pages = [_pages(_unlisted(plan), given.pictures) for plan in plans]
    with Parser(Limits(), Figures(read_legends=64)) as parse:
        documents = [parse.parse(ObjectRef(f"mem://{n}", 0, ""), data) for n, data in enumerate(pages)]
    _print_found(plans, documents)
    if given.summarize:
        _print_told(plans[: given.summarize], documents[: given.summarize])


def _pages(plan: ReportPlan, pictures: bool) -> bytes:
    return render_pdf(render_report(plan)) if pictures else with_pdf(plan)[1]


def _reports(count: int, seed: int, pictures: bool) -> Iterator[ReportPlan]:
    index = 0
    while count:
        plan = plan_report("heldout", seed, index, Variation(kinds=KINDS))
        index += 1
        if pictures or plan.figures[0].look.library != "pillow":
            count -= 1
            yield plan


def _unlisted(plan: ReportPlan) -> ReportPlan:
    """The report without the sentences that list names."""
    figures = tuple(
        replace(figure, caption=_strike(figure.caption) or f"{figure.label}: {figure.title}.")
        for figure in plan.figures
    )
    lines = [_strike(line) for line in plan.text.split("\n")]
    return replace(plan, figures=figures, text="\n".join(lines))


def _strike(text: str) -> str:
    return " ".join(line for line in sentences(text) if not listed(line)) if listed(text) else text


def _print_found(plans: list[ReportPlan], documents: list[Document]) -> None:
    found: dict[tuple[str, str], Counter[str]] = {}
    for plan, document in zip(plans, documents, strict=True):
        by_label = {figure.label: figure for figure in document.figures}
        for figure in plan.figures:
            if figure.plot is None:
                continue
            legend = _names(by_label[figure.label].legend) if figure.label in by_label else {}
            told = _names(caption_with_lists(figure.label, figure.caption, plan.text.split("\n\n")))
            verdict = (
                "none to find" if not legend | told else "same" if legend == told else "other" if legend else "missing"
            )
            found.setdefault((figure.plot.kind, figure.look.library), Counter())[verdict] += 1
    verdicts = ("same", "missing", "other", "none to find")
    print(f"{'chart':14}{'library':12}" + "".join(f"{verdict:>14}" for verdict in verdicts))
    for (kind, library), counts in sorted(found.items()):
        print(f"{kind:14}{library:12}" + "".join(f"{counts[verdict]:14}" for verdict in verdicts))


def _names(text: str) -> dict[str, str]:
    """name -> key; a weekday of an axis is that of a caption, Tue and Tuesdays."""
    return {long_name(name).removesuffix("s"): key for name, key in listed(text).items()}


def _print_told(plans: list[ReportPlan], documents: list[Document]) -> None:
    summarizer = build_summarizer(load_config(preset="pocket"))
    bare = [replace(d, figures=[replace(figure, legend="") for figure in d.figures]) for d in documents]
    for name, given in (("without legends", bare), ("with legends", documents)):
        drafts = summarizer.summarize(given)
        verdicts = Counter(
            judge(fact, draft.text, plan.facts)
            for plan, draft in zip(plans, drafts, strict=True)
            for fact in plan.facts
            if fact.figure
        )
        total = verdicts.total()
        told = ", ".join(f"{verdict} {verdicts[verdict] / total:.1%}" for verdict in ("right", "wrong", "absent"))
        print(f"{name:16} {total} facts of figures in {len(plans)} reports: {told}", flush=True)


if __name__ == "__main__":
    main()
