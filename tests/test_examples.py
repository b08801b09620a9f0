import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
NAMES = [path.stem for path in EXAMPLES]


def cells_of(script):
    """The type and source of every cell of a script in jupytext's percent format."""
    _, *parts = re.split(r"^# %%(.*)\n", script.read_text(), flags=re.MULTILINE)
    for mark, text in zip(parts[::2], parts[1::2]):
        kind = "markdown" if "[markdown]" in mark else "code"
        yield kind, re.sub(r"^# ?", "", text.strip(), flags=re.MULTILINE) if kind == "markdown" else text.strip()


def notebook_of(script):
    return json.loads(script.with_suffix(".ipynb").read_text())


def outputs_of(script):
    return [output for cell in notebook_of(script)["cells"] for output in cell.get("outputs", ())]


@pytest.mark.parametrize("script", EXAMPLES, ids=NAMES)
def test_a_notebook_has_the_cells_of_its_script(script):
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook_of(script)["cells"]]
    assert cells == [*cells_of(script)]


@pytest.mark.parametrize("script", EXAMPLES, ids=NAMES)
def test_a_notebook_was_run_from_top_to_bottom(script):
    counts = [cell["execution_count"] for cell in notebook_of(script)["cells"] if cell["cell_type"] == "code"]
    assert counts == [*range(1, len(counts) + 1)]


@pytest.mark.parametrize("script", EXAMPLES, ids=NAMES)
def test_a_script_runs_and_prints_what_its_notebook_shows_but_for_numbers(script, tmp_path):
    def words(text):        # numbers hang on the processor
        return re.sub(r"\d[\d.]*(e[+-]?\d+)?", "#", re.sub(r"on \d+ cores, .*\)", "on a machine", text)).split()

    run = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=os.environ | {"MPLBACKEND": "agg"}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    shown = "".join("".join(each["text"]) for each in outputs_of(script) if each.get("name") == "stdout")
    assert words(run.stdout) == words(shown)


@pytest.mark.parametrize("script", EXAMPLES, ids=NAMES)
def test_a_notebook_shows_its_figures_and_neither_errors_nor_warnings(script):
    outputs = outputs_of(script)
    assert not [each for each in outputs if each["output_type"] == "error" or each.get("name") == "stderr"]
    figures = [each for each in outputs if "image/png" in each.get("data", {})]
    assert len(figures) == script.read_text().count("plt.show()")


@pytest.mark.parametrize("script", EXAMPLES, ids=NAMES)
def test_a_notebook_tells_no_path_of_the_machine_that_it_was_run_on(script):
    told = [data for each in outputs_of(script) for kind, data in each.get("data", {"": each.get("text")}).items()
            if kind != "image/png"]
    assert not re.search(r"(?<![\w.<])/(tmp|home|root|work|usr|opt|var|Users)/", json.dumps(told))


def test_the_readme_names_every_example():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert NAMES and all(f"(examples/{name}.ipynb)" in readme for name in NAMES)
