"""Plans -> examples: figures are drawn by the library that their look names."""

from __future__ import annotations

import io

from PIL import Image

from mmsum.claims import write_facts
from mmsum.data.synthetic.pictures import draw_picture
from mmsum.data.synthetic.raster_charts import draw as draw_raster
from mmsum.data.synthetic.report import FigurePlan, ReportPlan
from mmsum.examples import Example, ExampleFigure

LICENCE = "Apache-2.0"


def render_report(report: ReportPlan) -> Example:
    """The plan with its figures drawn. A figure's kind is that of its plot, or photo, or logo."""
    figures = [
        ExampleFigure(plan.label, plan.caption, _encoded(plan), kind=plan.plot.kind if plan.plot else plan.picture)
        for plan in report.figures
    ]
    facts = write_facts(report.facts)
    return Example(
        report.id, report.title, report.text, figures, report.summary, report.split, report.source, LICENCE, facts
    )


def _encoded(plan: FigurePlan) -> bytes:
    target = io.BytesIO()
    image = draw_figure(plan)
    if plan.look.encoding == "jpeg":
        image.save(target, "JPEG", quality=88)
    else:
        image.save(target, "PNG", compress_level=4)
    return target.getvalue()


def draw_figure(plan: FigurePlan) -> Image.Image:
    """The figure as an RGB image."""
    if plan.plot is None:
        return draw_picture(plan.picture, plan.look, plan.seed)
    if plan.look.library == "vega-lite":
        from mmsum.data.synthetic.vega_charts import draw as draw_vega

        return draw_vega(plan.plot, plan.look, plan.title)
    if plan.look.library == "matplotlib":
        from mmsum.data.synthetic.matplotlib_charts import draw as draw_matplotlib

        return draw_matplotlib(plan.plot, plan.look, plan.title)
    return draw_raster(plan.plot, plan.look, plan.title)


def draw_vector(plan: FigurePlan) -> bytes | None:
    """The figure as a PDF page, where its library can draw one: neither pictures nor what is drawn pixel by pixel."""
    if plan.plot is None:
        return None
    if plan.look.library == "vega-lite":
        from mmsum.data.synthetic.vega_charts import draw_pdf as draw_vega

        return draw_vega(plan.plot, plan.look, plan.title)
    if plan.look.library == "matplotlib":
        from mmsum.data.synthetic.matplotlib_charts import draw_pdf as draw_matplotlib

        return draw_matplotlib(plan.plot, plan.look, plan.title)
    return None
