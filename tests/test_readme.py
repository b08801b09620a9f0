"""README.md and the pages of docs/: links, samples, and every command, run in the order of its page at a small size."""

import re
import shlex
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import pytest
from claim_cases import ROOT

from minimod.analysis.rows import ROWS
from minimod.analysis.scores import SCORES
from minimod.claims import CLAIMS
from minimod.claims.claim import name_of
from minimod.claims.rows import load_rows, rows_file
from minimod.cli import COMMANDS, commands, reproduce, runs, sweeps
from minimod.cli.display import fitted
from minimod.discovery.retrieval import discover_run
from minimod.report import draw, style

README = (ROOT / "README.md").read_text()
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]}

# A command that begins so -> why it is not run as it stands, but with its options, and with results that are stored.
TOO_LONG = {"minimod reproduce": "measures for minutes and hours: here the rows come from docs/rows"}

# A command that begins so, or that has this option -> why no test of this file runs it.
NEEDS_MORE = {
    "minimod import rep-theory-mech-interp": "needs files of other projects, see experiments/published",
    "minimod import modular-addition-feature-learning": "needs files of other projects, see experiments/published",
    "--scheduler": "needs a Dask cluster, see tests/sweeps/test_executors.py",
}

FEW_STARTS = 32         # of a discovery in a run

# Arrays that `import` finds in a file which a page leaves to its reader: name -> shape, of P tokens and 8 neurons.
WEIGHTS = {
    "U": lambda P: (P, 8), "V": lambda P: (P, 8), "W": lambda P: (8, P),
    "W_x": lambda P: (P, 5), "W_y": lambda P: (P, 5), "W_in": lambda P: (5, 8), "W_U": lambda P: (8, P),
    "fc1.weight": lambda P: (8, 2 * P), "fc2.weight": lambda P: (P, 8),
}  # fmt: skip


def blocks_of(text):
    """The kind and the text of every fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands_of(kind, block):
    """The commands of a block, each with the lines that it prints: of a console the lines that begin with "$ "."""
    found, lines = [], block.splitlines()
    while lines:
        line = lines.pop(0)
        if kind == "console" and not line.startswith("$ "):
            found[-1][1].append(line)
            continue
        text = line.removeprefix("$ ")
        while text.endswith("\\"):
            text = text[:-1] + lines.pop(0)
        if here := re.search(r"<<(\w+)$", text):
            end = lines.index(here[1])
            text, lines = "\n".join([text, *lines[:end]]), lines[end + 1 :]
        found.append((text, []))
    return [(text, "\n".join([*shown, ""]) if any(shown) else None) for text, shown in found]


def small_definition(toml):
    """A sweep's definition in a few tiny runs."""
    definition = tomllib.loads(toml)
    grid = definition["grid"] | {"modulus": [11], "epochs": [2], "width": [8]}
    return f'preset = "{definition["preset"]}"\n[grid]\n' + "".join(f"{k} = {v!r}\n" for k, v in grid.items())


def steps_of(text):
    """What a page runs, in order: (words, what it prints or None) of minimod's commands; (name, content) of a file."""
    for kind, block in blocks_of(text):
        if kind == "toml":
            yield "sweep.toml", small_definition(block)
        if kind not in ("sh", "console"):
            continue
        for command, shown in commands_of(kind, block):
            if file := re.fullmatch(r"cat > (\S+) <<\w+\n(.*)", command, re.DOTALL):
                yield file[1], file[2] + "\n"
                continue
            parts = command.split(" && ")
            for part in parts:
                words = shlex.split(part, comments=True)
                if words and re.fullmatch(r"(\S*/)?minimod", words[0]):
                    yield words[1:], shown if part is parts[-1] else None


COMMANDS_OF = {
    name: found for name, text in PAGES.items()
    if (found := [*steps_of(text)]) and not name.startswith("docs/results")
}  # fmt: skip
RESULTS = [words for name, text in PAGES.items() if name.startswith("docs/results") for words, _ in steps_of(text)]


def with_option(words, flag, value):
    """The words of a command with an option set to a value."""
    if flag in words:
        place = words.index(flag) + 1
        return [*words[:place], value, *words[place + 1 :]]
    return [*words, flag, value]


def small(words, epochs):
    """A command at a small size: as it stands, where it is small."""
    name, *rest = words
    if name == "train" and "--extend" in rest:
        return with_option(words, "--extend", "3")
    if name == "train" and "--resume" not in rest:
        words = with_option(with_option(words, "--epochs", str(epochs)), "--width", "8")
        words = [re.sub("^S5$", "S3", word) for word in words]
        return words if {"--rule", "--pairs"} & {*rest} else with_option(words, "--modulus", "11")
    if name == "sweep" and "--grid" in rest:
        words = [re.sub(r"^width=.*", "width=6,8", word) for word in words]
        words = with_option(words, "--seeds", "1") if "--seeds" in words else words
        return [*words, "--grid", "modulus=11", "--grid", "epochs=2"]
    if name == "analyze" and "--no-write" not in rest:
        return [*words, "--no-figures"]
    if name == "extract" and "--width" in rest:
        return with_option(words, "--width", "8")
    if name == "discover" and Path(rest[0]).is_dir() and "--max-starts" not in rest:
        return [*words, "--max-starts", str(FEW_STARTS)]
    return [re.sub(r"\.pth$", ".npz", word) for word in words]          # as torch may not be here


def prepare(words, minimod, epochs):
    """Make what a command takes for granted: runs of other pages, an unfinished run to resume, files of a reader."""
    name, *rest = words
    needs_run = name in ("analyze", "extract", "discover", "detect", "report", "export", "check")
    needs_run |= bool({"--resume", "--extend"} & {*rest})
    others = [rest[i + 1] for i, word in enumerate(rest) if word in ("--with", "--ensemble", "--extracted")]
    for run in rest[:needs_run] + others:
        if not Path(run).exists():
            train = small(["train", run, "--record", "--snapshots", "log"], epochs)
            assert minimod(*train).returncode == 0
    if "--resume" in rest:
        Path(rest[0], "network.npz").unlink()
    if name == "import" and not Path(rest[0]).exists():
        P = int(rest[rest.index("--modulus") + 1])
        maps = " ".join(word for word in rest if re.match(r"(U|V|W|mu)=", word))
        used = [array for array in WEIGHTS if re.search(rf"(?<![\w.]){re.escape(array)}(?![\w=])", maps)]
        normal = np.random.default_rng(0).normal
        np.savez(rest[0], **{array: normal(size=WEIGHTS[array](P)) for array in used or ("U", "V", "W")})
    for before, word in zip(words, rest):
        file = Path(word.removeprefix("table:"))
        if not file.exists():
            if before == "--pairs":
                file.write_text("a + b = c\nb + a = c\na + a = b\nb + b = a\n")
            elif before == "--noise-matrix":
                file.write_text("\n".join([",".join("1" * 11)] * 11))
            elif word.startswith("table:"):
                file.write_text("0,1,2\n1,2,0\n2,0,1\n")


def is_a(step, command):
    return shlex.join(["minimod", *step]).startswith(command) or command in step


def left_out(step):
    return any(is_a(step, long) for long in NEEDS_MORE)


@pytest.fixture
def shrunk(minimod, monkeypatch):
    """Call a page's command at a small size.

    Sweeps are trained in this process. The rows of claims come from docs/rows (see TOO_LONG), and no figure of them is
    drawn.
    """
    def stored(claims, scale, seeds, directory, output, yes):
        there = [name for name in claims if rows_file(ROOT / "docs", name_of(name), scale).exists()]
        assert there
        yield from (load_rows(ROOT / "docs", name_of(name), scale, (name, claims[name])) for name in there)

    monkeypatch.setattr(reproduce, "measured", stored)
    monkeypatch.setattr(draw, "draw", lambda chart: None)
    monkeypatch.setattr(style, "save_figure", lambda figure, path, dpi=200: None)
    monkeypatch.setattr(runs, "discover_run", partial(discover_run, max_starts=FEW_STARTS))
    monkeypatch.setattr(sweeps, "process_pool", lambda jobs, device: ThreadPoolExecutor(1))
    Path("experiments").symlink_to(ROOT / "experiments")

    def call(words, epochs=3):
        words = [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        words = small(words, epochs)
        prepare(words, minimod, epochs)
        return minimod(*words)

    return call


@pytest.mark.parametrize("page", COMMANDS_OF)
def test_its_commands_run(page, shrunk):
    """Each runs. The shown output of a group or of a file's rule is what is printed: these are not made smaller."""
    epochs = max([3, *map(int, re.findall(r"--epoch (\d+)", PAGES[page]))])
    for step, shown in COMMANDS_OF[page]:
        if isinstance(step, str):
            Path(step).write_text(shown)
        elif not left_out(step):
            is_whole = step[0] == "group" or (step[0] == "discover" and Path(step[1]).is_file())
            answer = shrunk(step, epochs)
            assert answer.returncode == 0, (step, answer.stderr)
            if shown and is_whole:
                assert answer.stdout == shown


def test_what_no_test_runs_stands_on_some_page():
    steps = [step for found in COMMANDS_OF.values() for step, _ in found if not isinstance(step, str)]
    assert all(any(is_a(step, long) for step in steps) for long in (*TOO_LONG, *NEEDS_MORE))


def test_the_commands_of_the_results_measure_claims_that_there_are(shrunk):
    assert len(RESULTS) > 60
    for words in RESULTS[::20]:
        assert shrunk(words).returncode == 0, words
    for name, *rest in RESULTS:
        context = reproduce.reproduce.make_context(name, [*rest])
        assert reproduce.find_claims(context.params["names"])


def test_commands_in_running_text_have_options_that_there_are():
    found = [(page, code) for page, text in PAGES.items() for code in re.findall(r"`minimod ([^`\n]+)`", prose(text))]
    assert len(found) > 20
    for page, code in found:
        name, *rest = code.split()
        if name == "--version" or not name.islower():
            continue
        assert name in COMMANDS, (page, code)
        _, command, _ = commands.resolve_command(commands.make_context("minimod", [name]), [name])
        flags = {flag for param in command.params for flag in param.opts + param.secondary_opts}
        assert {word for word in rest if word.startswith("--")} <= {*flags, "--help"}, (page, code)


def test_python_in_a_shell_runs(capsys):
    lines = [line for text in PAGES.values() for line in re.findall(r"^python -c .*", text, re.MULTILINE)]
    codes = [shlex.split(line)[2] for line in lines]
    assert codes
    for code in codes:
        exec(code, {})
        assert capsys.readouterr().out == "Z59\n"


# Links.

def prose(text):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors_of(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = []
    for heading in re.findall(r"^#+ +(.*?) *$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(anchor + f"-{found.count(anchor)}" * (anchor in found))
    return found


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "benchmarks/README.md", "benchmarks/GPU.md"])
def test_what_it_links_to_is_there(page):
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(text)))
    for link in links:
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target.read_text()), link


# The pages that have the rest of what the README begins.
REST = ("methods", "findings", "discovery", "your-data", "self-training", "sweeps", "run-directory", "speed", "pages")


def test_the_readme_leads_to_every_page_and_back():
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", README)}
    assert {f"docs/{name}.md" for name in REST} <= links
    assert all("[README](../README.md)" in PAGES[f"docs/{name}.md"].split("\n## ")[0] for name in REST)


# Samples.

@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if "```python" in text and "api" not in name])
def test_its_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for snippet in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        if "dask_jobqueue" in snippet:
            continue
        told = re.findall(r"^(\w.*[)\w]) +# ([\d(Z].*)$", snippet, re.MULTILINE)
        names = {}
        size = "width=512, " if told else "modulus=11, width=8, "        # what is told must come out
        snippet = re.sub(r"TrainingConfig\((?!modulus)", f"TrainingConfig({size}", snippet)
        exec(snippet if told else snippet.replace("113", "11").replace("2048", "8"), names)
        for call, said in told:
            value = eval(call, names)
            assert said == str(value.shape if said.startswith("(") else value), call


def test_the_file_to_paste_is_completed_as_it_says(minimod):
    _, file, command, told = re.search(
        r"\$ cat > (\S+) <<END\n(.*?)END\n\$ minimod (.*?)\n(.*?)```", PAGES["docs/discovery.md"], re.DOTALL
    ).groups()
    Path("turns.csv").write_text(file)
    assert minimod(*command.split(), "--quiet").stdout == told
    assert len(Path("completed.csv").read_text().splitlines()) == 17


def test_the_readme_shows_what_reproduce_headline_prints():
    result = load_rows(ROOT / "docs", "headline", "quick", ("headline", CLAIMS["headline"]))
    first = replace(result, rows=[row for row in result.rows if row["seed"] == 0],
                    criteria=[replace(each, values=each.values[:1]) for each in result.criteria])
    (block,) = (text for _, text in blocks_of(README) if text.startswith("$ minimod reproduce headline\n"))
    with click.Context(commands, obj={}).scope():
        printed = "\n\n".join(map(fitted, reproduce.in_short(first)))
    assert printed.startswith(block.removeprefix("$ minimod reproduce headline\n").removesuffix("\n...\n"))


def test_the_readme_is_short():
    assert len(README.split()) <= 2200 and len(README.splitlines()) <= 260


def test_the_page_of_methods_names_every_row_and_every_score():
    named = {*re.findall(r"`([^`\n]+)`", PAGES["docs/methods.md"])}
    assert SCORES.keys() <= named, "a new score needs a line in the table of scores of docs/methods.md"
    of_score = re.compile("^(" + "|".join(sorted(SCORES, key=len, reverse=True)) + ")(?=[ +])")
    rows = {of_score.sub("SCORE", row) for row in ROWS}
    assert rows <= named, "a new row needs a line in docs/methods.md"
