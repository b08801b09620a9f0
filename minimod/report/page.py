"""Pages: one HTML file each that needs nothing else. What they show was computed before, see summary and exhibit."""

import json
from pathlib import Path
from typing import Any

from bokeh.embed import json_item
from bokeh.resources import Resources
from bokeh.themes import Theme
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from minimod.report.panels import OUTCOME_COLORS, plots_of
from minimod.report.style import words
from minimod.runs.accuracy import MEASURES
from minimod.runs.files import plain_data, whole_file
from minimod.version import VERSION

TEMPLATES = Environment(
    loader=PackageLoader("minimod.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"words": words}

THEME = Theme(json={"attrs": {"Axis": {"axis_label_text_font_style": "normal"}, "Grid": {"grid_line_alpha": 0.5}}})


def write_page(path: Path, template: str, plots: dict[str, Any], **shown: Any) -> None:
    """Fill a template with plots, Bokeh models by name, and what else it shows."""
    items = {name: json.dumps(json_item(model, theme=THEME)).replace("<", "\\u003c") for name, model in plots.items()}
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).render_js()
    page = TEMPLATES.get_template(template).render(
        plots={name: Markup(item) for name, item in items.items()}, library=Markup(library), version=VERSION, **shown,
    )
    with whole_file(path) as file:
        file.write(page)


def write_run_page(path: Path, summary: dict[str, Any], shown: dict[str, Any]) -> None:
    """The page of a run: from its summary and its exhibit."""
    raw, kept = summary["methods"]["raw"], summary["methods"].get("dominant", {})
    headline = {
        "of the wrong labels are memorised by the network": raw["noisy"],
        "of the test pairs, never seen, are answered by the network": raw["test"],
        f"of the test pairs are answered by the same weights, one {shown['what']} per neuron": kept.get("test"),
        "would be answered by chance": summary["chance"],
    }
    write_page(
        path, "run.html", plots_of(summary, shown), summary=plain_data(summary), shown=shown, measures=MEASURES,
        headline={text: share for text, share in plain_data(headline).items() if share is not None},
        outcomes=list(zip(shown["outcomes"], OUTCOME_COLORS, strict=True))[1:],
    )
