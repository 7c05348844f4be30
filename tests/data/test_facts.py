"""Facts follow from the numbers, for every kind of chart."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from mmsum.data import facts
from mmsum.data.figure_reports import make_specs
from mmsum.data.spec import KINDS, Chart, Series
from mmsum.data.topics import TOPICS
from mmsum.data.values import CHART_KINDS, kinds_for, make_chart
from mmsum.data.wording import amount


def line_chart(*series: Series) -> Chart:
    years = tuple(str(2010 + i) for i in range(len(series[0].values)))
    return Chart("line", "daily demand", "litres", "Year", "Daily demand (litres)", years, series)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((10, 12, 15, 17, 20, 22), "rising"),
        ((22, 20, 17, 15, 12, 10), "falling"),
        ((10, 11, 18, 19, 11, 10), "peak"),
        ((20, 19, 10, 11, 19, 20), "dip"),
        ((10.0, 10.1, 10.0, 9.9, 10.1, 10.0), "level"),
    ],
)
def test_trend(values: tuple[float, ...], expected: str) -> None:
    assert facts.trend(values) == expected


def test_crossing_names_the_year_and_the_winner() -> None:
    chart = line_chart(Series("Northgate", (10, 12, 14, 16, 18)), Series("Westfield", (18, 16, 13, 12, 10)))
    assert facts.shown(chart)[0] == (
        "crossing",
        "Daily demand in Northgate started below the level of Westfield and passed it in 2012.",
    )


def test_lines_that_never_cross_have_no_crossing() -> None:
    chart = line_chart(Series("A", (1, 2, 3, 4, 5)), Series("B", (6, 7, 8, 9, 10)))
    assert "crossing" not in dict(facts.shown(chart))


def test_largest_slice() -> None:
    chart = Chart("pie", "lunches", "%", "", "", ("pasta", "fish"), (Series("", (61.0, 39.0)),), "with {}")
    assert dict(facts.shown(chart))["largest"] == "Lunches with pasta made up the largest share, about 61%."


def test_every_measure_of_every_topic_gives_facts() -> None:
    seen = set()
    for topic in TOPICS:
        for measure in topic.measures:
            for kind in kinds_for(measure):
                for seed in range(6):
                    chart = make_chart(measure, kind, 2010, 2020, Random(seed))
                    found = facts.shown(chart)
                    assert found, (topic.key, kind, seed)
                    assert all(text.endswith(".") and "{" not in text for _, text in found)
                    assert facts.stated(chart, Random(seed))[1] not in [text for _, text in found]
                    seen.add(kind)
    assert seen == set(KINDS) == {kind for kinds in CHART_KINDS.values() for kind in kinds}


def test_summary_joins_what_is_said_and_what_is_shown() -> None:
    for spec in make_specs(12, seed=1):
        assert "{" not in spec.text + spec.summary + spec.title
        for figure in spec.figures:
            shown = [f.statement for f in spec.facts if f.figure == figure.number and not f.said]
            assert shown[0] in spec.summary
        assert any(f.said and f.statement in spec.summary for f in spec.facts)


def test_amounts() -> None:
    assert [amount(1240, "litres"), amount(46.0, "%"), amount(3.25, "tonnes")] == ["1,240 litres", "46%", "3.25 tonnes"]


def test_importing_the_generator_loads_no_matplotlib() -> None:
    code = "import sys, mmsum.data.figure_reports; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
