"""Pages in a real browser, headless Chromium: skipped where there is none, or no Selenium."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from page_cases import ask, mouse, needs_browser, visit

from minimod import TrainingConfig, analyze, load_run, train
from minimod.runs.accuracy import MEASURES, OUTCOMES

pytest.importorskip("bokeh")
HOSTILE = ("<script>document.title='broken'</script>", '=1+"1', "</script><b>", "a'b", "-2", "{{ 7 }}", "é")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a run and its page, one of pairs with hostile words, a sweep."""
    directory = tmp_path_factory.mktemp("pages")

    def call(*arguments):
        subprocess.run([sys.executable, "-m", "minimod", *map(str, arguments)], check=True, capture_output=True)

    options = {"snapshots": (0, 10), "record": True, "threads": 1}
    train(TrainingConfig(modulus=23, width=48, epochs=30, learning_rate=0.02, **options), directory / "run")
    call("discover", directory / "run", "--quiet", "--seconds", 1)
    call("detect", directory / "run", "--quiet")
    lines = [f'"{a}","{b}","{c}"'.replace('"1', '""1') for a, b, c in hostile_pairs()]
    (directory / "pairs.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    call("train", directory / "own", "--pairs", directory / "pairs.csv", "--epochs", 5, "--width", 8, "--quiet")
    call("sweep", directory / "<i>sweep", "--grid", "width=4,8", "--grid", "rule=add,mul", "--grid", "modulus=7",
         "--grid", "epochs=2", "--quiet")
    (directory / "one").symlink_to(min((directory / "<i>sweep/runs").iterdir()))
    for name in ("run", "own", "one", "<i>sweep"):
        call("report", directory / name)
    return directory


def hostile_pairs():
    P = len(HOSTILE)
    return [(HOSTILE[a], HOSTILE[b], HOSTILE[(a + b) % P]) for a in range(P) for b in range(P)]


def text_of(browser, name):
    return ask(browser, "return minimod.model(arguments[0]).text", name)


def slide(browser, name, stop):
    """Move a slider to a stop. Returns what it says there."""
    return ask(browser, """const slider = minimod.model(arguments[0]);
        slider.value = slider.categories[arguments[1]]; return slider.value""", name, stop)


@needs_browser
@pytest.mark.parametrize("name", ["run", "own", "<i>sweep"])
def test_a_page_has_no_error_asks_for_nothing_and_fits_every_window(browser, place, name):
    browser.get_log("browser"), browser.get_log("performance")
    for width in (360, 1280, 2560):
        visit(browser, place / name / "report.html", width)
        assert ask(browser, "return document.documentElement.scrollWidth") <= width
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:", "blob:")) for url in asked)


@needs_browser
def test_the_numbers_of_the_methods_are_those_of_the_analysis(browser, place):
    visit(browser, place / "run/report.html")
    rows = ask(browser, """return Array.from(document.querySelectorAll("#methods-table tbody tr"),
        (row) => Array.from(row.cells, (cell) => [cell.textContent, cell.dataset.value]))""")
    methods = analyze(place / "run")["methods"]
    assert [row[0][0] for row in rows] == list(methods)
    for row in rows:
        for measure, (text, value) in zip(MEASURES, row[1:-1], strict=True):
            expected = methods[row[0][0]][measure]
            assert float(value) == pytest.approx(expected, rel=1e-5) and text == f"{100 * expected:.1f}\u00a0%"


@needs_browser
def test_the_head_of_a_table_sorts_it_both_ways(browser, place):
    visit(browser, place / "run/report.html")
    script = """const button = document.querySelectorAll("#methods-table th button")[5]; button.click();
        return Array.from(document.querySelectorAll("#methods-table tbody tr"), (row) => +row.cells[5].dataset.value)"""
    down, up = ask(browser, script), ask(browser, script)
    assert down == sorted(down, reverse=True) and up == sorted(up)


@needs_browser
def test_boxes_switch_curves_off(browser, place):
    visit(browser, place / "run/report.html")
    script = "return minimod.model('accuracies-plot').renderers.map((each) => each.visible)"
    assert all(ask(browser, script))
    ask(browser, "minimod.model('accuracies-boxes').active = [1]")
    assert sum(ask(browser, script)) == 2                                   # a line and its dots


@needs_browser
def test_plots_have_the_colours_of_the_page_in_the_light_and_in_the_dark(browser, place):
    visit(browser, place / "run/report.html")
    for scheme, ink in (("dark", "#e8e8e8"), ("light", "#1a1a1a")):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        look = """const plot = minimod.model("accuracies-plot"), view = Bokeh.index.find_one(plot);
            const line = plot.renderers.find((each) => each.name === "test pairs").glyph;
            const bar = minimod.model("spectrum-plot").right[0], style = getComputedStyle(view.el);
            return [line.line_color.value, bar.major_label_text_color, style.getPropertyValue("--bk-text-color")]"""
        for _ in range(100):        # the page is told of the change after the command has returned
            if (inks := ask(browser, look)) == [ink] * 3:
                break
            time.sleep(0.1)
        assert inks == [ink] * 3


@needs_browser
def test_the_share_that_is_kept_is_read_off_the_curves_that_are_chosen(browser, place):
    visit(browser, place / "run/report.html")
    masks = analyze(place / "run")["masks"]
    ask(browser, """minimod.model("masks-shown").value = "test pairs answered by the top neurons alone" """)
    assert slide(browser, "masks-slider", 3) == f"{100 * masks['keep'][3]:.3g} %"
    assert ask(browser, "return minimod.model('masks').children.map((each) => each.visible)") == [
        False, False, True, False
    ]
    kept, *lines = text_of(browser, "masks-told").splitlines()
    told = {name: float(value) for name, value, _ in (line.split() for line in lines)}
    assert float(kept.split()[0]) == pytest.approx(100 * masks["keep"][3], rel=5e-3)
    expected = {name: 100 * masks["top"][name]["test"][3] for name in told}
    assert told == pytest.approx(expected, rel=5e-3) and {"norm", "random"} <= set(told)


@needs_browser
def test_the_slider_and_a_click_show_a_neuron(browser, place):
    visit(browser, place / "run/report.html")
    neurons, run = analyze(place / "run")["neurons"], load_run(place / "run")
    told = slide(browser, "neuron-slider", 4)
    weights = ask(browser, "return [...minimod.model('neuron-u').data.weight]")
    m = int(told.removeprefix("5, neuron ").split(":")[0])
    assert m == np.argsort(-neurons["share"], kind="stable")[4] and f"{100 * neurons['share'][m]:.3g} %" in told
    np.testing.assert_allclose(sorted(weights), sorted(run.network.U[:, m]), rtol=1e-6)
    mouse(browser, "spectrum-plot", 7.5, 3, click=True)
    column = ask(browser, "return minimod.model('neurons').data.neuron[7]")
    told = ask(browser, "return minimod.model('neuron-slider').value")
    assert f", neuron {column}: " in told and text_of(browser, "spectrum-told").startswith(f"neuron {column}: ")


@needs_browser
@pytest.mark.parametrize("method", ["raw", "dominant"])
def test_pairs_of_a_method_are_counted_as_they_come_out(browser, place, method):
    visit(browser, place / "run/report.html")
    ask(browser, "minimod.model('pairs-method').value = arguments[0]", method)
    counts = dict(line.rsplit(None, 1) for line in text_of(browser, "pairs-told").splitlines()[1:])
    summary = analyze(place / "run")
    n, row = summary["counts"], summary["methods"][method]
    assert int(counts.get("wrong label, memorised", 0)) == round(row["noisy"] * n["noisy"])
    assert int(counts.get("wrong label, repaired", 0)) == round(row["repaired"] * n["repaired"])
    assert int(counts.get("held out, right", 0)) == round(row["test"] * n["test"] + row["validation"] * n["validation"])
    assert sum(map(int, counts.values())) == 23**2 and set(counts) <= set(OUTCOMES)


@needs_browser
def test_the_slider_of_snapshots_goes_back_in_time(browser, place):
    visit(browser, place / "run/report.html")
    first = analyze(load_run(place / "run", 0))
    script = "return [...minimod.model('phases-plot').renderers[0].data_source.data.x].slice(0, 48)"
    last = ask(browser, script)
    assert slide(browser, "time-slider", 0) == "epoch 0" and "raw, epoch 0" in text_of(browser, "pairs-told")
    np.testing.assert_allclose(ask(browser, script), first["neurons"]["phase_c"], rtol=1e-5)
    assert not np.allclose(last, first["neurons"]["phase_c"])


@needs_browser
def test_hostile_words_are_text_and_no_formulas(browser, place):
    visit(browser, place / "own/report.html")
    words = load_run(place / "own").words
    mouse(browser, "pairs-plot", 2.5, 4.5)
    assert text_of(browser, "pairs-told").startswith(f"a = {words[4]}, b = {words[2]}: ") and set(words) == set(HOSTILE)
    assert browser.title != "broken"
    line = ask(browser, """minimod.model("accuracies-plot").renderers[0].data_source.data.at = [arguments[0]];
        return minimod.csv("accuracies").split("\\n")[1]""", HOSTILE[1])
    assert ',"\'=1+""1",' in line


@needs_browser
def test_the_data_behind_a_plot_are_the_run_s(browser, place):
    visit(browser, place / "run/report.html")
    head, *lines = ask(browser, "return minimod.csv('accuracies')").splitlines()
    history = load_run(place / "run").history
    rows = [dict(zip(head.split(","), line.split(","))) for line in lines]
    wrong = [row for row in rows if row["series"] == "wrong training labels"]
    np.testing.assert_allclose([float(row["y"]) for row in wrong], history["noisy_accuracy"])
    assert [int(row["x"]) for row in wrong] == history["epoch"].tolist()


@needs_browser
def test_every_button_of_data_saves_a_file(browser, place):
    visit(browser, place / "run/report.html")
    saved = ask(browser, """const saved = [];
        HTMLAnchorElement.prototype.click = function () { saved.push([this.download, this.href.slice(0, 5)]); };
        document.querySelectorAll("button.csv").forEach((button) => button.click());
        return saved""")
    buttons = ask(browser, "return [...document.querySelectorAll('button.csv')].map((each) => each.dataset.csv)")
    assert saved == [[f"{name}.csv", "blob:"] for name in buttons] and {"masks", "detectors", "phases"} <= set(buttons)


@needs_browser
def test_images_are_saved_with_what_their_rows_columns_and_numbers_are(browser, place):
    visit(browser, place / "run/report.html")
    summary, run = analyze(place / "run"), load_run(place / "run")
    head, first, *_ = (line.split(",") for line in ask(browser, "return minimod.csv('spectrum')").splitlines())
    assert head[1:] == [str(m) for m in summary["spectrum"]["order"]] and first[0] == summary["components"][0]
    expected = summary["spectrum"]["share"]
    np.testing.assert_allclose([float(x) for x in first[1:]], expected[0], atol=expected.max() / 500)
    lines = ask(browser, "return minimod.csv('pairs-2')").splitlines()
    assert lines[0] == "," + ",".join(run.words) and sum("held out, right" in line for line in lines) > 0


@needs_browser
def test_a_slider_says_what_it_is_for_and_where_it_stands(browser, place):
    visit(browser, place / "run/report.html")
    slide(browser, "time-slider", 1)
    said = ask(browser, """const handle = Bokeh.index.find_one(minimod.model('time-slider')).shadow_el
        .querySelector('[role=slider]'); return [handle.ariaLabel, handle.ariaValueText]""")
    assert said == ["Snapshot", "epoch 10"]


def test_without_the_extra_one_line_says_how_to_get_it(minimod, monkeypatch):
    train(TrainingConfig(modulus=5, width=2, epochs=1), "run")
    for name in [name for name in sys.modules if name.startswith(("bokeh.", "minimod.report.pa"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("minimod.report.page", raising=False)           # the package has it too, once imported
    monkeypatch.setitem(sys.modules, "bokeh", None)
    answer = minimod("report", "run")
    assert answer.stderr == "minimod: a page needs Bokeh and Jinja2: pip install 'minimod[report]'\n"
    assert answer.returncode == 1 and not Path("run/report.html").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (["none"], "does not exist"), (["empty"], "no run's directory"), (["run", "--output", "no/page.html"], "there is"),
    (["run", "--output", "run/config.json"], "none of the run's own files"),
])  # fmt: skip
def test_what_is_no_run_is_refused_in_a_line(minimod, arguments, message):
    train(TrainingConfig(modulus=5, width=2, epochs=1), "run")
    Path("empty").mkdir()
    answer = minimod("report", *arguments)
    assert answer.returncode == 2 and len(answer.stderr.splitlines()) == 1 and message in answer.stderr
