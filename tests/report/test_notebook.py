import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

import minimod
from minimod import TrainingConfig, train
from minimod.analysis.summary import in_words
from minimod.report.notebook import run_in_html

CONFIG = TrainingConfig(modulus=7, width=8, epochs=3, noise_ratio=0.5, threads=1)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


def svg_of(html):
    return ElementTree.fromstring(html[html.index("<svg") :])


def test_a_notebook_shows_what_a_run_learned_in_words(run):
    assert run_in_html(run).startswith(f"<p>{in_words(run)}</p>")


def test_a_notebook_shows_the_accuracies_as_an_svg(run):
    assert svg_of(run_in_html(run)).tag == "{http://www.w3.org/2000/svg}svg"


def test_hostile_names_of_rules_are_escaped(tmp_path):
    hostile = tmp_path / "<script>alert('$')<&.csv"
    np.savetxt(hostile, np.add.outer(np.arange(5), np.arange(5)) % 5, "%d", ",")
    html = run_in_html(train(replace(CONFIG, rule=f"table:{hostile}", modulus=5)))
    assert "<script" not in html and "&lt;script&gt;alert(&#x27;$&#x27;)&lt;&amp;.csv" in html


@pytest.mark.parametrize("options", [{"noise_ratio": 0}, {"epochs": 0}, {"train_fraction": 1}, {"rule": "S3"}], ids=str)
def test_a_notebook_shows_any_run(options):
    assert svg_of(run_in_html(train(CONFIG.changed(**options)))) is not None


def test_a_run_looks_the_same_each_time(run):
    assert run_in_html(run) == run_in_html(run)


def test_a_notebooks_settings_are_left_alone(run):
    before = dict(matplotlib.rcParams)
    run_in_html(run)
    assert dict(matplotlib.rcParams) == before


def test_what_stores_a_run_does_not_load_what_shows_it():
    loaded = "import sys, minimod.runs.run; print('matplotlib' in sys.modules, 'minimod.report' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert answer.stdout == "False False\n"


def test_ipython_is_told_how_a_run_looks(run, monkeypatch):
    """From outside: a run knows nothing of it."""
    seen = {}
    formatter = SimpleNamespace(for_type_by_name=lambda module, name, function: seen.update({(module, name): function}))
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, version_info=(9, 0, 0)))
    monkeypatch.delitem(vars(minimod), "train", raising=False)
    _ = minimod.train
    assert seen[type(run).__module__, type(run).__name__](run) == run_in_html(run)
