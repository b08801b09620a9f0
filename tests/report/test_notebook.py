import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from minimod import TrainingConfig, train
from minimod.summary import in_words

CONFIG = TrainingConfig(modulus=7, width=8, epochs=3, noise_ratio=0.5, threads=1)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


def svg_of(html):
    return ElementTree.fromstring(html[html.index("<svg") :])


def test_a_notebook_shows_what_a_run_learned_in_words(run):
    assert run._repr_html_().startswith(f"<p>{in_words(run)}</p>")


def test_a_notebook_shows_the_accuracies_as_an_svg(run):
    assert svg_of(run._repr_html_()).tag == "{http://www.w3.org/2000/svg}svg"


def test_hostile_names_of_rules_are_escaped(tmp_path):
    hostile = tmp_path / "<script>alert('$')<&.csv"
    np.savetxt(hostile, np.add.outer(np.arange(5), np.arange(5)) % 5, "%d", ",")
    html = train(replace(CONFIG, rule=f"table:{hostile}", modulus=5))._repr_html_()
    assert "<script" not in html and "&lt;script&gt;alert(&#x27;$&#x27;)&lt;&amp;.csv" in html


@pytest.mark.parametrize("options", [{"noise_ratio": 0}, {"epochs": 0}, {"train_fraction": 1}, {"rule": "S3"}], ids=str)
def test_a_notebook_shows_any_run(options):
    assert svg_of(train(CONFIG.changed(**options))._repr_html_()) is not None


def test_a_run_looks_the_same_each_time(run):
    assert run._repr_html_() == run._repr_html_()


def test_a_notebooks_settings_are_left_alone(run):
    before = dict(matplotlib.rcParams)
    run._repr_html_()
    assert dict(matplotlib.rcParams) == before


def test_what_stores_a_run_does_not_load_what_shows_it():
    loaded = "import sys, minimod.store.runs; print('matplotlib' in sys.modules, 'minimod.report' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert answer.stdout == "False False\n"
