"""A run as HTML, for notebooks."""

from html import escape
from io import StringIO

from matplotlib import style

from minimod.analysis.summary import in_words
from minimod.report.charts import accuracies
from minimod.report.draw import draw
from minimod.report.style import STYLE
from minimod.runs.run import Run


@style.context(["default", STYLE])
def run_in_html(run: Run) -> str:
    """One or two sentences on what the run learned, and its accuracies over epochs as an SVG."""
    svg, words = StringIO(), escape(in_words(run))
    figure = draw(accuracies({"history": run.history, "chance": 1 / run.config.modulus, "title": ""}))
    figure.savefig(svg, format="svg", metadata={"Date": None})
    return f"<p>{words}</p>\n{svg.getvalue()[svg.getvalue().index('<svg'):]}"
