"""Pages. A page is one HTML file that needs no other file. Its numbers come from `summary` and `page_data`."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from bokeh.embed import json_item
from bokeh.resources import Resources
from bokeh.themes import Theme
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from minimod.report import charts
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


# The parts of `page_data` that the templates use, and the script of the page does not need.
FOR_TEMPLATES = ("facts", "detectors", "discovery", "task", "wrong", "first_pair", "relabelled", "untrained", "ranked",
                 "headline", "command", "sample")


def write_page(path: Path, template: str, plots: dict[str, Any], **shown: Any) -> None:
    """Write the page of a template. plots: name -> Bokeh model. shown: the other variables of the template."""
    items = {name: json.dumps(json_item(model, theme=THEME)).replace("<", "\\u003c") for name, model in plots.items()}
    library = Resources(mode="inline", components=["bokeh"]).render_js()
    page = TEMPLATES.get_template(template).render(
        plots={name: Markup(item) for name, item in items.items()}, library=Markup(library), version=VERSION,
        **{"prefixes": [""]} | shown,
    )
    with whole_file(path) as file:
        file.write(page)


def write_run_page(path: Path, runs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Write the page of one run, or of several runs side by side. runs: pairs of a summary and a `page_data`."""
    plots: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for place, (summary, data) in enumerate(runs):
        of, panels = f"run-{place + 1}-" if place else "", charts.masks(summary).panels
        plots |= {of + name: made for name, made in plots_of(summary, data, of).items()}
        numbers = {name: value for name, value in data.items() if name not in FOR_TEMPLATES}
        packed = json.dumps(pack(numbers | {"mask_titles": list(panels)}), allow_nan=False).replace("<", "\\u003c")
        measured = [title for title, panel in panels.items() if np.isfinite(panel[0].y).any()]
        shown[of] = data | {"summary": plain_data(summary), "packed": Markup(packed), "masks": measured}

    def offered(of_run: Callable[[dict[str, Any]], Iterable[Any]]) -> list[str]:
        """The options of a control, as texts: all values over all runs."""
        return list(dict.fromkeys(str(each) for run in shown.values() for each in of_run(run)))

    names, main = offered(lambda run: run["moments"][-1]["outcomes"]), next(
        (run for run in shown.values() if "columns" in run), shown[""]
    )
    write_page(
        path, "run.html", plots, runs=shown, prefixes=list(shown), measures=MEASURES, main=main,
        outcomes=list(zip(main["outcomes"], OUTCOME_COLORS, strict=True))[1:],
        epochs=sorted(offered(lambda run: (each["epoch"] for each in run["moments"])), key=int),
        keep=[f"{100 * share:.3g} %" for share in runs[0][0]["masks"]["keep"]],
        mask_titles=alike(offered(lambda run: run["masks"])), methods=alike(names),
        ranked=offered(lambda run: run.get("ranked", ())), tokens=alike(offered(lambda run: run["words"])),
        components=alike(offered(lambda run: run.get("components", ()))),
        second="dominant" if "dominant" in names else names[-1],
        component=main["components"][main["moments"][-1]["counts"]["neurons"].argmax()] if "columns" in main else "",
    )


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """The options of a list whose texts are their names."""
    return [(name, name) for name in names]


def pack(value: Any) -> Any:
    """A value for JSON. Arrays of numbers become the bytes of flat typed arrays, which templates/page.js unpacks."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        array = np.ascontiguousarray(value.astype(np.float32 if value.dtype.kind == "f" else value.dtype))
        array = array.astype(np.int32) if array.dtype.itemsize == 8 else array
        return {"type": array.dtype.name.capitalize(), "base64": b64encode(array.tobytes()).decode()}
    if isinstance(value, dict):
        return {name: pack(each) for name, each in value.items()}
    return [pack(each) for each in value] if isinstance(value, (list, tuple)) else plain_data(value)
