"""Pages in a real browser, headless Chromium: skipped where there is none, or no Selenium."""

import json
import re
import shlex
import sys
import time
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from page_cases import AXE, ask, mouse, needs_browser, quiet, serious, tap, until, visit

from minimod import TrainingConfig, analyze, filter_frequencies, load_run, train
from minimod.analysis.summary import in_words
from minimod.analysis.trajectory import FOLLOWED
from minimod.cli import commands
from minimod.runs.accuracy import MEASURES, OUTCOMES

pytest.importorskip("bokeh")
WIDTHS = 360, 390, 1280, 1920
PAGES = [f"{name}.html" for name in (
    "run/report", "group/report", "own/report", "run/report-with-other"
)]  # fmt: skip
HOSTILE = ("<script>document.title='broken'</script>", '=1+"1', "</script><b>", "a'b", "-2", "{{ 7 }}", "é")


@pytest.fixture(scope="module")
def place(once):
    """A directory with a run and its page, one of pairs with hostile words, a sweep."""
    return once("pages", make_pages)


def make_pages(directory):
    def call(*arguments):
        commands.main([*map(str, arguments)], standalone_mode=False)

    options = {"snapshots": (0, 10), "record": True, "threads": 1}
    train(TrainingConfig(modulus=23, width=48, epochs=30, learning_rate=0.02, **options), directory / "run")
    train(TrainingConfig(modulus=23, width=24, epochs=20, noise_ratio=0, threads=1), directory / "other")
    train(TrainingConfig(rule="S3", width=24, epochs=9, snapshots=(0, 3), threads=1), directory / "group")
    call("discover", directory / "run", "--quiet", "--seconds", 0.2)
    call("detect", directory / "run", "--quiet")
    lines = [f'"{a}","{b}","{c}"'.replace('"1', '""1') for a, b, c in hostile_pairs()]
    (directory / "pairs.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    call("train", directory / "own", "--pairs", directory / "pairs.csv", "--epochs", 5, "--width", 8, "--quiet")
    for name in ("run", "group", "own"):
        call("report", directory / name)
    call("report", directory / "run", "--with", directory / "other")
    for name in ("group", "own"):
        call("report", directory / name, "--with", directory / "run")


def hostile_pairs():
    P = len(HOSTILE)
    return [(HOSTILE[a], HOSTILE[b], HOSTILE[(a + b) % P]) for a in range(P) for b in range(P)]


def told(browser, name):
    """The text at a place of a page."""
    return ask(browser, "return document.getElementById(arguments[0]).textContent", name)


def show(browser, **state):
    """Let a page show something. Returns what it shows then."""
    return ask(browser, "minimod.set(arguments[0]); return { ...minimod.state }", state)


@needs_browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_error_asks_for_nothing_and_fits_every_window(browser, place, page):
    with quiet(browser):
        visit(browser, place / page, 360, anew=True)
        for width in WIDTHS if page == PAGES[0] else WIDTHS[:1]:
            visit(browser, place / page, width)
            assert ask(browser, "return document.documentElement.scrollWidth") <= width


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
def test_a_box_switches_its_curve_off(browser, place):
    visit(browser, place / "run/report.html")
    script = """return minimod.model("accuracies-plot").renderers.filter((each) => !each.visible)
        .map((each) => each.name)"""
    assert ask(browser, script) == []
    ask(browser, "document.querySelector('#training .boxes input').click()")
    assert ask(browser, script) == ["right training labels"] * 2                        # a line and its dots


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
    share = f"{100 * masks['keep'][3]:.3g} %"
    shown = show(browser, masks="test pairs answered by the top neurons alone", share=share)
    assert shown["share"] == share and shown["masks"].startswith("test pairs")
    assert ask(browser, "return minimod.model('masks').children.map((each) => each.visible)") == [
        False, False, True, False
    ]
    kept, *lines = told(browser, "masks-told").splitlines()
    read = {name: float(value) for name, value, _ in (line.split() for line in lines)}
    assert kept == f"{share} of the neurons kept"
    expected = {name: 100 * masks["top"][name]["test"][3] for name in read}
    assert read == pytest.approx(expected, rel=5e-3) and {"norm", "random"} <= set(read)


@needs_browser
def test_a_click_opens_the_neuron_under_the_pointer(browser, place):
    visit(browser, place / "run/report.html")
    columns = analyze(place / "run")["spectrum"]["order"]
    for i in np.random.default_rng(0).permutation(48)[:20]:
        mouse(browser, "spectrum-plot", i + 0.5, i % 11 + 0.5, click=True)
        assert until(browser, "return document.getElementById('neuron-told').textContent.startsWith(arguments[0])",
                     f"neuron {columns[i]}, epoch 30: ")
        assert told(browser, "spectrum-told").startswith(f"neuron {columns[i]}, ")


@needs_browser
def test_a_neuron_has_its_weights_and_what_the_filtration_keeps(browser, place):
    visit(browser, place / "run/report.html")
    run = load_run(place / "run")
    kept, _ = filter_frequencies(run.network, run.dataset.rule)
    show(browser, neuron="5")
    for vector, ours, dominant in (("u", run.network.U[:, 5], kept.U[:, 5]), ("w", run.network.W[5], kept.W[5])):
        weight, filtered, token = ask(browser, f"""const {{ weight, dominant, token }} =
            minimod.model("neuron-{vector}").data; return [weight, dominant, token]""")
        np.testing.assert_allclose(weight, ours[[*map(int, token)]], atol=np.abs(ours).max() / 32767)
        np.testing.assert_allclose(filtered, dominant[[*map(int, token)]], atol=1e-3 * np.abs(ours).max())


@needs_browser
@pytest.mark.parametrize("method", ["raw", "dominant"])
def test_pairs_of_a_method_are_counted_as_they_come_out(browser, place, method):
    visit(browser, place / "run/report.html")
    show(browser, first=method)
    mouse(browser, "pairs-plot", 3.5, 4.5)
    mouse(browser, "pairs-plot", -30, -30)                          # the counts stay where the pointer leaves
    counts = dict(line.rsplit(None, 1) for line in told(browser, "pairs-counts").splitlines())
    summary = analyze(place / "run")
    n, row = summary["counts"], summary["methods"][method]
    assert int(counts.get("wrong label, memorised", 0)) == round(row["noisy"] * n["noisy"])
    assert int(counts.get("wrong label, repaired", 0)) == round(row["repaired"] * n["repaired"])
    assert int(counts.get("held out, right", 0)) == round(row["test"] * n["test"] + row["validation"] * n["validation"])
    assert sum(map(int, counts.values())) == 23**2 and set(counts) <= set(OUTCOMES)


@needs_browser
def test_the_bar_of_snapshots_takes_all_panels_back_in_time(browser, place):
    visit(browser, place / "run/report.html")
    run = load_run(place / "run", 0)
    first, a, b = analyze(run), *np.indices((23, 23)).reshape(2, -1)
    numbers = """return { x: [...minimod.model("phases-plot").renderers[0].data_source.data.x].slice(0, 48),
        answers: [...minimod.model("answers").data.image[0]], power: [...minimod.model("spectrum").data.image[0]] }"""
    last = ask(browser, numbers)
    show(browser, epoch="0")
    then = ask(browser, numbers)
    np.testing.assert_allclose(then["x"], first["neurons"]["phase_c"], rtol=1e-5)
    assert then["answers"] == run.network.predict(a, b).tolist()
    assert all(then[name] != last[name] for name in then)
    assert told(browser, "headline-1") == f"{100 * first['methods']['raw']['test']:.3g} %"
    assert f"{first['structure']['trained']['phase_error_rms']:.2f} rad" in told(browser, "phases-told")
    assert "epoch 0" in told(browser, "neuron-told") and "epoch 0" in told(browser, "circles-told")
    shown = (*FOLLOWED, "untrained dominant", "random frequency")
    assert told(browser, "sentence") == in_words(run, {name: first["methods"][name] for name in shown})


@needs_browser
def test_the_logits_of_a_pair_are_those_of_the_network_and_of_its_parts(browser, place):
    visit(browser, place / "run/report.html")
    network, rule = (run := load_run(place / "run")).network, run.dataset.rule
    parts = dict(zip(("dominant", "residual"), filter_frequencies(network, rule), strict=True)) | {"raw": network}
    mouse(browser, "rule-plot", 7.5, 4.5, click=True)
    for name, part in parts.items():
        shown = ask(browser, "return minimod.model(arguments[0]).data.y", f"logits-{name}")
        expected = part.logits(np.array([4]), np.array([7]))[0]
        np.testing.assert_allclose(shown, expected, atol=2e-3 * np.abs(expected).max())
    assert told(browser, "logits-told").startswith("epoch 30, a = 4, b = 7; raw answers ")
    label = ask(browser, "return minimod.model('logits-raw-true').data.x")
    assert label == [11]


@needs_browser
def test_tokens_lie_where_their_neurons_put_them(browser, place):
    visit(browser, place / "run/report.html")
    network = load_run(place / "run").network
    show(browser, component="3")
    angle = 2 * np.pi * 3 * np.arange(23) / 23
    waves = np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(2 / 23)
    script = "const { x, y, what } = minimod.model(arguments[0]).data; return [x, y, what]"
    (x, y, neurons), (across, _, _) = (ask(browser, script, name) for name in ("neurons-u", "tokens-u"))
    U = network.U[:, [*map(int, neurons)]]
    cosine, sine = waves @ U
    assert len(neurons) > 0
    np.testing.assert_allclose([x, np.abs(y)], [cosine, np.abs(sine)], atol=1e-3)
    np.testing.assert_allclose(across, U @ cosine / np.linalg.norm(cosine), atol=1e-3)


@needs_browser
def test_an_address_keeps_what_is_shown(browser, place):
    visit(browser, place / "run/report.html")
    asked = {"epoch": "10", "neuron": "7", "a": "3", "b": "9", "first": "interaction", "component": "5"}
    shown = show(browser, **asked)
    before = [told(browser, name) for name in ("sentence", "neuron-told", "pairs-1-told", "circles-told")]
    address = browser.current_url
    visit(browser, address, anew=True)
    assert ask(browser, "return { ...minimod.state }") == shown == shown | asked
    assert [told(browser, name) for name in ("sentence", "neuron-told", "pairs-1-told", "circles-told")] == before
    assert browser.current_url == address


@needs_browser
def test_an_address_that_names_nothing_of_the_page_is_as_good_as_none(browser, place):
    visit(browser, place / "run/report.html")
    browser.get_log("browser")
    for address in ("#epoch=11", "#neuron=99", "#first=x", "#<b>=1", "#a=%", "#pairs&epoch=1e9", "#__proto__=1"):
        ask(browser, "location.hash = arguments[0]; minimod.follow()", address)
        state, beginning = ask(browser, "return [{ ...minimod.state }, { ...minimod.beginning }]")
        assert state == beginning
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@needs_browser
def test_a_tap_chooses_a_pair(browser, place):
    visit(browser, place / "run/report.html")
    tap(browser, "pairs-plot", 5.5, 8.5)
    assert told(browser, "pairs-1-told").startswith("a = 8, b = 5: ")


@needs_browser
def test_every_control_is_reached_and_moved_by_keys(browser, place):
    visit(browser, place / "run/report.html", anew=True)
    reached = ask(browser, "return [...document.querySelectorAll('[data-state]')].map((each) => each.dataset.state)")
    ask(browser, """window.seen = [];
        addEventListener("focusin", ({ target }) => seen.push(target.dataset.state ?? target.id))""")
    browser.switch_to.active_element.send_keys("\ue004" * 120)                           # the tab key
    seen = ask(browser, "return seen")
    assert {*reached, "play"} <= {*seen}
    slider = browser.find_element("css selector", "input[data-state=epoch]")
    slider.send_keys("\ue012")                                                          # the arrow to the left
    assert ask(browser, "return minimod.state.epoch") == "10"


@needs_browser
def test_play_goes_through_the_snapshots_and_stops_at_the_last(browser, place):
    visit(browser, place / "run/report.html")
    ask(browser, """window.epochs = []; minimod.watch(["epoch"], ({ epoch }) => epochs.push(epoch));
        document.getElementById("play").click()""")
    assert until(browser, "return document.getElementById('play').getAttribute('aria-pressed') === 'false'")
    assert ask(browser, "return epochs") == ["0", "10", "30"]


@needs_browser
def test_two_runs_stand_side_by_side_under_one_set_of_controls(browser, place):
    visit(browser, place / "run/report-with-other.html")
    other, a, b = load_run(place / "other").network, *np.indices((23, 23)).reshape(2, -1)
    assert ask(browser, "return [...minimod.model('run-2-answers').data.image[0]]") == other.predict(a, b).tolist()
    assert ask(browser, "return minimod.controls('epoch').length") == 1
    show(browser, a="2", b="6", neuron="11")
    for of in ("", "run-2-"):
        assert told(browser, f"{of}neuron-told").startswith("neuron 11, ")
        assert told(browser, f"{of}pairs-1-told").startswith("a = 2, b = 6: ")
        boxes = ask(browser, "return Bokeh.index.find_one(minimod.model(arguments[0])).el.getBoundingClientRect().x",
                    f"{of}answers-plot")
        assert (boxes > 640) == bool(of)
    show(browser, epoch="10")           # the other has its last network alone
    assert "epoch 10" in told(browser, "neuron-told") and "epoch 20" in told(browser, "run-2-neuron-told")


@needs_browser
def test_runs_of_other_rules_stand_side_by_side_too(browser, place):
    """Of what one of them lacks nothing is shown, and it says so; the order of the two does not matter."""
    browser.get_log("browser")
    for page, of in (("group/report-with-run", "run-2-"), ("own/report-with-run", "run-2-")):
        visit(browser, place / f"{page}.html", anew=True)
        show(browser, a="20", b="11", epoch="10")
        assert told(browser, f"{of}pairs-1-told").startswith("a = 20, b = 11: ")
        assert told(browser, "pairs-1-told") == told(browser, "logits-told") == "this run has no such pair"
        assert told(browser, f"{of}neuron-told").startswith("neuron ")
        assert told(browser, "sentence").startswith("At epoch ")
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@needs_browser
def test_a_link_to_a_section_keeps_what_is_shown_and_leads_back(browser, place):
    visit(browser, place / "run/report.html", anew=True)
    shown = show(browser, epoch="10", a="3")
    ask(browser, "document.querySelector('nav a[href=\"#pairs\"]').click()")
    assert browser.current_url.endswith("#pairs&epoch=10&a=3")
    browser.back()
    assert browser.current_url.endswith("#epoch=10&a=3") and ask(browser, "return { ...minimod.state }") == shown


@needs_browser
def test_what_is_read_gives_way_to_what_is_chosen(browser, place):
    visit(browser, place / "run/report.html")
    chosen = told(browser, "tables-told")
    mouse(browser, "rule-plot", 20.5, 3.5)
    assert told(browser, "tables-told").startswith("a = 3, b = 20: ")
    mouse(browser, "rule-plot", -9, -9)
    assert told(browser, "tables-told") == chosen


@needs_browser
def test_a_group_has_components_in_place_of_frequencies_and_no_circles(browser, place):
    visit(browser, place / "group/report.html")
    assert not ask(browser, "return document.getElementById('circles')")
    show(browser, epoch="3")
    assert "component of u, v, w" in told(browser, "neuron-told") and "epoch 3" in told(browser, "neuron-told")


@needs_browser
@pytest.mark.skipif(not AXE.exists(), reason="no axe-core in node_modules: npm install --no-save axe-core")
def test_axe_finds_nothing_serious(browser, place, scheme):
    visit(browser, place / "run/report.html")
    for colours in ("dark", "light"):
        scheme(colours)
        assert serious(browser) == []


@needs_browser
def test_hostile_words_are_text_and_no_formulas(browser, place):
    visit(browser, place / "own/report.html")
    words = load_run(place / "own").words
    mouse(browser, "pairs-plot", 2.5, 4.5)
    assert told(browser, "pairs-1-told").startswith(f"a = {words[4]}, b = {words[2]}: ") and set(words) == set(HOSTILE)
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
        const buttons = Array.from(document.querySelectorAll("button.csv"));
        return Promise.all(buttons.map((button) => minimod.download(button.dataset.csv, button))).then(() => saved)""")
    buttons = ask(browser, "return [...document.querySelectorAll('button.csv')].map((each) => each.dataset.csv)")
    assert {kind for _, kind in saved} == {"blob:"} and {"masks", "detectors", "phases"} <= set(buttons)
    for (name, _), button in zip(saved, buttons, strict=True):
        assert name.startswith(button) and name.endswith(".csv")
    assert "pairs-2-epoch-30-method-dominant.csv" in dict(saved)


@needs_browser
def test_images_are_saved_with_what_their_rows_columns_and_numbers_are(browser, place):
    visit(browser, place / "run/report.html")
    summary, run = analyze(place / "run"), load_run(place / "run")
    head, first, *_ = (line.split(",") for line in ask(browser, "return minimod.csv('spectrum')").splitlines())
    assert head[:2] == ["epoch", ""] and head[2:] == [str(m) for m in summary["spectrum"]["order"]]
    assert first[:2] == ["30", summary["components"][0]]
    expected = summary["spectrum"]["share"]
    np.testing.assert_allclose([float(x) for x in first[2:]], expected[0], atol=expected.max() / 500)
    lines = ask(browser, "return minimod.csv('pairs-2')").splitlines()
    assert lines[0] == "epoch,method,," + ",".join(run.words) and lines[1].startswith("30,dominant,0,")
    assert sum("held out, right" in line for line in lines) > 0


@needs_browser
def test_a_saved_neuron_says_which_it_is(browser, place):
    visit(browser, place / "run/report.html")
    show(browser, neuron="9", epoch="10")
    head, first, *_ = ask(browser, "return minimod.csv('neuron-u')").splitlines()
    assert head.startswith("epoch,neuron,frequency,position,weight,dominant") and first.startswith("10,9,")


@needs_browser
def test_a_slider_says_what_it_is_for_and_where_it_stands(browser, place):
    visit(browser, place / "run/report.html")
    show(browser, epoch="10")
    said = ask(browser, """const slider = document.querySelector("input[data-state=epoch]");
        return [slider.labels[0].textContent.trim(), slider.ariaValueText, slider.nextElementSibling.value]""")
    assert said[0].startswith("Epoch") and said[1:] == ["10", "10"]


@needs_browser
def test_a_picture_has_a_name_for_those_who_do_not_see_it(browser, place):
    visit(browser, place / "run/report.html")
    names = ask(browser, """return minimod.tagged ? Bokeh.documents.flatMap((doc) => [...doc.all_models])
        .filter(({ type }) => type === "Figure").map((model) => {
            const { el } = Bokeh.index.find_one(model).canvas_view; return [el.role, el.ariaLabel] }) : []""")
    assert len(names) > 15 and all(role == "img" and name for role, name in names)


@needs_browser
def test_detectors_are_told_as_the_command_tells_them(browser, place, minimod):
    visit(browser, place / "run/report.html")
    rows = ask(browser, """return Array.from(document.querySelectorAll("#detectors-table tbody tr"),
        (row) => Array.from(row.cells, (cell) => cell.textContent))""")
    found = json.loads(minimod("detect", str(place / "run"), "--json").stdout)
    assert {name: [auroc, precision, needs] for name, auroc, precision, needs in rows} == {
        name: [f"{found['auroc'][name]:.3f}", f"{found['precision'][name]:.3f}", needs]
        for name, needs in found["needs"].items()
    }


@needs_browser
def test_what_was_discovered_is_told_with_its_control(browser, place):
    visit(browser, place / "run/report.html")
    stored = json.loads((place / "run/discovery.json").read_text(encoding="utf-8"))
    text = told(browser, "discovery")
    assert all(line in text for line in stored["in_words"]) and "The control: from the training labels" in text


def test_the_command_of_a_page_trains_the_same_run(place, minimod):
    text = (place / "run/report.html").read_text(encoding="utf-8")
    command = unescape(re.search(r'aria-label="Command">(.*?)</pre>', text, re.DOTALL)[1])
    assert minimod(*shlex.split(command.replace(str(place / "run"), "again"))[1:], "--quiet").returncode == 0
    np.testing.assert_array_equal(load_run("again").network.W, load_run(place / "run").network.W)


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
    (["none"], "does not exist"), (["empty"], "no run's directory"),
    (["run", "--output", "no/page.html"], "a directory that exists"),
    (["run", "--output", "run/config.json"], "none of the run's own files"),
])  # fmt: skip
def test_what_is_no_run_is_refused_in_a_line(minimod, arguments, message):
    train(TrainingConfig(modulus=5, width=2, epochs=1), "run")
    Path("empty").mkdir()
    answer = minimod("report", *arguments)
    assert answer.returncode == 2 and len(answer.stderr.splitlines()) == 1 and message in answer.stderr
