"""Synthetic reports: every gold is right on its own facts, answers are balanced, splits share nothing they should not."""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pymupdf
import pytest
from PIL import Image

from mmsum.claims import chance as best_constant
from mmsum.claims import judge, read_facts, sentences
from mmsum.config import Figures, Limits
from mmsum.data.arguments import add_data_commands
from mmsum.data.files import read_examples
from mmsum.data.synthetic import made_up as made_up_words
from mmsum.data.synthetic import texts
from mmsum.data.synthetic.generate import sizes, write_figure_reports
from mmsum.data.synthetic.pdf import with_pdf
from mmsum.data.synthetic.phrases import PHRASES
from mmsum.data.synthetic.plot import KINDS, Claim
from mmsum.data.synthetic.processes import PROCESSES, SEEN_NAMES
from mmsum.data.synthetic.render import draw_figure, render_report
from mmsum.data.synthetic.report import HELD_OUT_TOPICS, MIN_FIGURE_FACTS, ReportPlan, plan_report, retold
from mmsum.data.synthetic.topics import TOPICS
from mmsum.data.synthetic.variation import AS_IS, Variation
from mmsum.data.synthetic.wording import CHECKS, VOICES, check, cited
from mmsum.documents.parse import Parser
from mmsum.errors import OutputError
from mmsum.records import ObjectRef

N = 200


@pytest.fixture(scope="module")
def reports() -> list[ReportPlan]:
    return [plan_report("train", 7, index) for index in range(N)]


def test_every_gold_is_right_on_all_its_facts(reports: list[ReportPlan]) -> None:
    for report in reports:
        assert [fact for fact in report.facts if judge(fact, report.summary) != "right"] == []
        assert sum(not fact.said for fact in report.facts) >= MIN_FIGURE_FACTS
        assert all(fact.answer in fact.options and len(fact.options) > 1 for fact in report.facts)


def test_another_writer_tells_the_same_facts_in_other_words(reports: list[ReportPlan]) -> None:
    shared: dict[bool, list[bool]] = {True: [], False: []}
    for report in reports[:50]:
        gold = sentences(report.summary)
        advice = [fact.statement for fact in report.facts if fact.kind == "action"]
        for voice in range(VOICES):
            text = retold(report, voice, Random(voice))
            assert [fact for fact in report.facts if judge(fact, text, report.facts) != "right"] == []
            told = [sentence for sentence in sentences(text) if sentence not in advice]
            assert len(told) + len(advice) == len(gold)
            shared[voice == report.voice] += [sentence in gold for sentence in told]
    own, other = (sum(found) / len(found) for found in (shared[True], shared[False]))
    assert own > 0.4 and other < 0.2  # phrases are the voice's own four times of five, citations two times of three


def test_every_phrase_of_every_voice_claims_its_answer_and_no_other() -> None:
    for kind, by_answer in PHRASES.items():
        options = tuple(CHECKS[kind].options or ())
        for answer, phrases in by_answer.items():
            assert len(phrases) == VOICES
            for phrase in phrases:
                name = "rainfall" if kind == "relation" else ""
                statement = phrase.format(q="weekly demand", x="rainfall") + "."
                fact = check(Claim(kind, options, answer, name), "weekly demand", statement, "Figure 1", False)
                assert judge(fact, statement) == "right", (kind, answer, statement)


@pytest.mark.parametrize(
    ("kind", "answer", "sentence", "verdict"),
    [
        ("ratio", "five times", "The highest demand was about 2.5 times the lowest.", "absent"),
        ("ratio", "five times", "The highest demand was twenty-five times the lowest.", "absent"),
        ("ratio", "twice", "The highest demand was about 2 times the lowest.", "right"),
        ("ratio", "twice", "The highest demand was three times the lowest.", "wrong"),
        ("growth", "three times", "The total of demand ended at about 1.3 times its beginning.", "absent"),
        ("growth", "three times", "The total of demand trebled.", "right"),
        ("growth", "half", "The total of demand ended at one and a half times its beginning.", "absent"),
        ("growth", "half", "Altogether, demand halved.", "right"),
        ("growth", "half", "The total of demand grew by half from the first bar to the last.", "absent"),
        ("growth", "a third", "The total of demand fell by a third from its beginning.", "absent"),
        ("growth", "a third", "The total of demand ended at one-third of its beginning.", "right"),
    ],
)
def test_ratios_are_taken_at_their_word(kind: str, answer: str, sentence: str, verdict: str) -> None:
    options = tuple(CHECKS[kind].options or ())
    assert judge(check(Claim(kind, options, answer), "demand", sentence, "Figure 1", False), sentence) == verdict


def test_figure_facts_do_not_stand_in_the_text(reports: list[ReportPlan]) -> None:
    for report in reports:
        captions = " ".join(figure.caption for figure in report.figures)
        for fact in report.facts:
            assert fact.said or fact.statement not in report.text + captions
            if not fact.said and fact.kind.endswith(("trend", "largest", "smallest")):
                assert judge(fact, report.text) == "absent", fact


def test_answers_are_spread_over_options_and_places() -> None:
    sets = (Variation(), Variation(ratios=True))
    facts = [f for i in range(1500) for f in plan_report("test", 3, i, sets[i % 2]).facts if not f.said]
    kinds = {kind: [fact for fact in facts if fact.kind == kind] for kind in CHECKS}
    for kind, group in kinds.items():
        assert len(group) >= 30, (kind, len(group))
        chance = sum(1 / len(fact.options) for fact in group) / len(group)
        assert best_constant(group) < chance + 0.2, (kind, best_constant(group), chance)


def test_told_ratios_are_those_of_the_bars() -> None:
    times = {"twice": 2.0, "three times": 3.0, "five times": 5.0, "half": 0.5, "a third": 1 / 3}
    seen = Counter[str]()
    for index in range(150):
        report = plan_report("train", 3, index, Variation(kinds=("grouped_bar", "stacked_bar"), ratios=True))
        plots = {figure.label: figure.plot for figure in report.figures}
        for fact in report.facts:
            if fact.kind not in ("ratio", "growth"):
                continue
            plot = plots[fact.figure]
            assert plot and report.source.endswith("+ratios")
            totals = [sum(values) for values in zip(*(series.values for series in plot.series), strict=True)]
            told = max(totals) / min(totals) if fact.kind == "ratio" else totals[-1] / totals[0]
            assert 0.88 < told / times[fact.answer] < 1.12, (fact.statement, totals)
            seen[f"{fact.kind} {fact.answer}"] += 1
    assert len(seen) == 7
    assert min(seen.values()) > 5
    untold = [plan_report("train", 3, index, Variation(kinds=("grouped_bar", "stacked_bar"))) for index in range(20)]
    assert not any(fact.kind in ("ratio", "growth") for report in untold for fact in report.facts)


def test_all_kinds_and_every_distractor_come_up(reports: list[ReportPlan]) -> None:
    drawn = Counter(
        figure.plot.kind if figure.plot else figure.picture for report in reports for figure in report.figures
    )
    assert set(drawn) == {*KINDS, "photo", "logo"}
    assert {len(report.figures) for report in reports} == {1, 2, 3, 4}
    hinted = [fact.kind for report in reports for fact in report.facts if fact.kind.endswith(("trend", "largest"))]
    assert 0.04 < sum(kind.startswith("misled ") for kind in hinted) / len(hinted) < 0.16  # 10 %
    told = [{fact.figure for fact in report.facts} for report in reports]
    more = [
        any(plan.label not in labels for plan in report.figures) for report, labels in zip(reports, told, strict=True)
    ]
    assert 0.1 < sum(more) / N < 0.24  # one in six


def test_held_out_reports_have_their_own_topics_words_and_colours(reports: list[ReportPlan]) -> None:
    held_out = [plan_report("heldout", 7, index) for index in range(40)]
    gists = {topic.gist.partition("{")[0].removeprefix("The report"): topic.key for topic in TOPICS}
    for group, inside in ((held_out, True), (reports, False)):
        for report in group:
            (topic,) = (key for gist, key in gists.items() if gist in report.text)
            assert (topic in HELD_OUT_TOPICS) == inside

    def colours(group: list[ReportPlan]) -> set[str]:
        return {colour.code for report in group for figure in report.figures for colour in figure.look.colours}

    assert not colours(held_out) & colours(reports)
    assert {figure.look.library for report in reports for figure in report.figures} == {"pillow", "matplotlib"}
    assert any(report.source.endswith("+vega-lite") for report in held_out)
    mentions = re.compile(r"Let us look at|We have plotted|The reader is referred")
    assert not any(mentions.search(report.text) for report in held_out)


@pytest.mark.parametrize("library", ["pillow", "matplotlib", "vega-lite"])
def test_every_library_draws_every_kind(library: str) -> None:
    split = "heldout" if library == "vega-lite" else "train"
    missing, index = set(KINDS), 0
    while missing and index < 600:
        for figure in plan_report(split, 1, index).figures:
            if figure.look.library == library and figure.plot and figure.plot.kind in missing:
                image = draw_figure(figure)
                assert 150 <= max(image.size) <= 620 and len(image.getcolors(1 << 20) or []) > 5, figure.plot.kind
                missing.discard(figure.plot.kind)
        index += 1
    assert not missing


def test_citations_name_the_figure() -> None:
    from random import Random

    said = [cited("takings rose", "Figure 2", voice, Random(i)) for i in range(40) for voice in range(VOICES)]
    assert 0.8 < sum("Figure 2" in sentence for sentence in said) / len(said) < 1
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in said)


def test_parts_do_not_depend_on_workers_and_are_not_overwritten(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        write_figure_reports(str(tmp_path / name), 3, 5, "valid", workers=workers)
    parts = [tmp_path / name / "valid" / "part-00000.parquet" for name in ("one", "two")]
    assert parts[0].read_bytes() == parts[1].read_bytes()
    with pytest.raises(OutputError, match="holds examples already"):
        write_figure_reports(str(tmp_path / "one"), 3, 5, "valid")
    examples = list(read_examples(str(tmp_path / "one")))
    assert [example.id for example in examples] == [f"valid-5-{index:06d}" for index in range(3)]
    for example in examples:
        assert read_facts(example.facts) and example.licence == "Apache-2.0" and example.split == "valid"
        for figure in example.figures:
            assert Image.open(io.BytesIO(figure.image)).width >= 300


def test_pdfs_hold_vector_charts_and_examples_say_where() -> None:
    """Charts of matplotlib and Vega-Lite are lines and letters there, those drawn pixel by pixel and photographs images;
    whoever reads a PDF finds each figure where the example says."""
    plans = [plan_report("heldout", 5, index) for index in range(3)] + [
        plan_report("test", 5, index) for index in (0, 3)
    ]
    seen = Counter[str]()
    with Parser(Limits(), Figures()) as parser:
        for plan in plans:
            example, pages = with_pdf(plan)
            nowhere = [replace(figure, page=1, bbox=[], text="") for figure in example.figures]
            assert replace(example, figures=nowhere) == render_report(plan)
            found = {figure.label: figure for figure in parser.parse(ObjectRef("mem://report", 0, ""), pages).figures}
            with pymupdf.open("pdf", pages) as document:
                for figure, drawn in zip(example.figures, plan.figures, strict=True):
                    page, box = document[figure.page - 1], pymupdf.Rect(figure.bbox)
                    vector = drawn.plot is not None and drawn.look.library != "pillow"
                    assert any(box.intersects(word[:4]) for word in page.get_text("words")) == vector
                    assert any(box.intersects(drawing["rect"]) for drawing in page.get_drawings()) == vector
                    assert bool(figure.text) == vector
                    assert sorted(figure.text.split()) == sorted(found[figure.label].text.split())
                    assert found[figure.label].page == figure.page
                    assert found[figure.label].bbox == pytest.approx(figure.bbox, abs=3)
                    seen[drawn.look.library if drawn.plot else drawn.picture] += 1
    assert set(seen) == {"vega-lite", "matplotlib", "pillow", "photo"}


def test_pdfs_lie_beside_the_examples(tmp_path: Path) -> None:
    write_figure_reports(str(tmp_path), 1, 5, "test", pdf=True)
    (example,) = read_examples(str(tmp_path))
    expected, pages = with_pdf(plan_report("test", 5, 0))
    assert (tmp_path / "test" / "pdf" / f"{example.id}.pdf").read_bytes() == pages
    assert [figure.bbox for figure in example.figures] == [figure.bbox for figure in expected.figures]


def test_sizes_of_splits() -> None:
    assert sizes(1000) == {"train": 1000, "valid": 100, "test": 100, "heldout": 100}
    assert sizes(50)["valid"] == 20 and sizes(50, "test") == {"test": 50}


def test_the_same_plan_gives_the_same_example(reports: list[ReportPlan]) -> None:
    assert render_report(reports[0]) == render_report(plan_report("train", 7, 0))


def test_planning_loads_no_plotting_library() -> None:
    heavy = "('matplotlib', 'torch', 'vl_convert')"
    code = f"import sys, mmsum.data.synthetic.generate; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kinds", [("line", "scatter"), *((kind,) for kind in KINDS)])
def test_figures_of_chosen_kinds_alone(kinds: tuple[str, ...]) -> None:
    """Beside what the gold passes over; facts are of those figures, in reports of every split."""
    for split in ("train", "heldout"):
        reports = [plan_report(split, 5, index, Variation(0.6, kinds)) for index in range(12)]
        shown = [
            figure.plot.kind
            for report in reports
            for figure in report.figures
            if figure.plot and any(fact.figure == figure.label for fact in report.facts)
        ]
        assert set(shown) == set(kinds)
        assert len(shown) >= len(reports)


def test_made_up_names_hide_what_a_figure_is_from_its_subject() -> None:
    """Neither a topic's quantities nor its names are left but for times, and no two figures are called alike."""
    topics = [measure for topic in TOPICS for measure in (*topic.measures, PROCESSES[topic.key])]
    quantities = {measure.quantity for measure in topics}
    names = {name for measure in topics if measure.shape != "grid" for name in measure.names} | set(SEEN_NAMES)
    days = {name for measure in topics if measure.shape == "grid" for name in measure.names}
    plots = [figure.plot for report in made_up_reports(1.0) for figure in report.figures if figure.plot]
    own = [plot for plot in plots if plot.quantity not in quantities]
    assert len(own) > 0.9 * len(plots)  # the others are charts beside the point
    assert {plot.kind for plot in own} == set(KINDS)
    for plot in own:
        rows = {series.name for series in plot.series}
        assert not (rows & days if plot.kind == "heat_map" else names & rows.union(plot.labels)), plot
    sizes = {len(plot.series) for plot in own if plot.kind == "heat_map"}
    assert {3, 4, 8} < sizes <= set(range(3, 9))  # days are five to seven
    for report in made_up_reports(0.6):
        made = {figure.plot.quantity for figure in report.figures if figure.plot} - quantities
        assert report.source.endswith("+made-up") == bool(made), report.source
        assert not any(one in other for one in made for other in made if one != other)


def test_made_up_names_are_no_words_that_answer() -> None:
    """A name must not claim an answer of a fact that its figure also has."""
    options = [pattern for check in CHECKS.values() for pattern in (check.options or {}).values()]
    against = " ".join(made_up_words._AGAINST).split()
    words = {*made_up_words._NAMES, *made_up_words._STEPS, *made_up_words._THINGS, *made_up_words._HEADS, *against}
    assert not [word for word in words for pattern in options if re.search(pattern, f"x {word} x", re.IGNORECASE)]


def test_sentences_around_made_up_names_are_no_voice_s_and_none_of_held_out_reports() -> None:
    def phrases(*forms: str) -> list[str]:
        """What is left of the sentences' own words: the longest run without a slot."""
        return [max(re.split(r"\{\w+\}", form), key=len).strip(" .:,") for form in forms]

    made = phrases(*texts.MADE_UP_LISTS, *texts.MADE_UP_MENTIONS, *texts.MADE_UP_OFF_TOPIC)
    made += phrases(*(form for forms in texts.MADE_UP_STATED.values() for form in forms))
    held_out = phrases(*texts.HELD_OUT_LISTS, *texts.HELD_OUT_MENTIONS, *texts.HELD_OUT_OFF_TOPIC)
    held_out += phrases(*(form for _, _, forms, _ in texts.STATED.values() for form in forms))
    assert set(texts.MADE_UP_STATED) == set(texts.STATED)
    text = "\n".join(report.text for report in made_up_reports(0.6))
    told = [form for form in phrases(*texts.MADE_UP_STATED["days"]) if form in text]
    assert len(told) > 4
    assert not [form for form in held_out if len(form) > 8 and form in text]
    plain = "\n".join(report.text for report in made_up_reports(0.0))
    long = [form for form in made if len(form) > 15]
    assert len(long) > 15
    assert not [form for form in long if form in plain]


def test_golds_tell_what_is_recommended_as_often_as_they_are_told_to(reports: list[ReportPlan]) -> None:
    def advised(some: list[ReportPlan]) -> float:
        told = [[fact for fact in report.facts if fact.kind == "action"] for report in some]
        for report, facts in zip(some, told, strict=True):
            assert report.summary.endswith(facts[0].statement) if facts else True
        return sum(map(bool, told)) / len(some)

    assert 0.3 < advised(reports) < 0.5
    for share in (0.0, 1.0):
        assert advised([plan_report("train", 7, index, Variation(advised=share)) for index in range(30)]) == share
    parser = argparse.ArgumentParser()
    add_data_commands(parser, argparse.ArgumentParser)
    assert parser.parse_args(["figure-reports", "out"]).advised == AS_IS.advised


def made_up_reports(share: float) -> list[ReportPlan]:
    return [plan_report("train", 7, index, Variation(share)) for index in range(150)]
