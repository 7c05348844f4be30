"""Reports whose charts one library drew, and the names in their lists, for the tests of legends."""

from __future__ import annotations

from collections.abc import Mapping

from mmsum.data.synthetic.report import ReportPlan, plan_report
from mmsum.data.synthetic.variation import Variation
from mmsum.data.synthetic.words import long_name


def drawn_reports(library: str, count: int, kinds: tuple[str, ...]) -> list[ReportPlan]:
    plans = (plan_report("heldout", 21, index, Variation(kinds=kinds)) for index in range(200))
    return [plan for plan in plans if plan.figures[0].look.library == library][:count]


def full_names(names: Mapping[str, str]) -> dict[str, str]:
    """A weekday of an axis is that of a caption: Tue, Tuesdays."""
    return {long_name(name).removesuffix("s"): key for name, key in names.items()}
