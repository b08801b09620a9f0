"""Commands on one run: train it, analyse it, train on its answers, find its wrong labels, check its files."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from minimod.analysis import detection, self_training, summary, trajectory
from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import COURSE, DETECTORS
from minimod.analysis.rows import DEFAULT_METHOD, METHODS, ROWS, labels_need, together
from minimod.cli import display, options
from minimod.cli.advice import what_helps, written
from minimod.cli.display import Answer
from minimod.cli.options import DIRECTORY, FILE, OLD_FILE, PATH, OnceEach, json_option, quiet_option, run_argument
from minimod.discovery.retrieval import discover_run, table_to_judge_by
from minimod.exchange.pairs import load_pairs
from minimod.fourier import COMPONENT_CHOICES
from minimod.runs import training
from minimod.runs.config import CONSTRAINTS, FIELDS_SET_BY_PAIRS, PRESETS, TrainingConfig
from minimod.runs.contents import load_description
from minimod.runs.data import UserData
from minimod.runs.files import check_output, save_columns, save_json
from minimod.runs.metrics import THRESHOLDS
from minimod.runs.reading import read_weights
from minimod.runs.run import DAMAGED, NONE, check_run, load_run


@click.command(cls=OnceEach, excludes=[
    ("--pairs", "brings its own labels", [*map(options.flag_of, FIELDS_SET_BY_PAIRS), "--noise-matrix"]),
    ("--resume", "uses the options and data of the run", ["--pairs", "--noise-matrix", "--preset", "--extend"]),
    ("--extend", "uses the options and data of the run", ["--pairs", "--noise-matrix", "--preset", "--epochs"]),
], sections={
    "Task": ("rule", "modulus", "noise_ratio", "noise_kind", "noise_matrix", "train_fraction", "pairs", "repeats"),
    "Network": ("width", "activation", "tied", "bias", "init_std", "init_seed"),
    "Optimiser": ("epochs", "optimizer", "learning_rate", "weight_decay", "loss", "label_smoothing", "batch_size",
                  "betas", "momentum", "trained"),
    "Run": ("preset", "resume", "extend", "seed", "snapshots", "eval_every", "record", "checkpoint_every", "threads",
            "device", "dtype"),
})
@run_argument
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="default", show_default=True,
              help="The values of options that are not given.")
@click.option("--resume", is_flag=True, help="Resume the unfinished run in RUN_DIR, with its options.")
@click.option("--extend", type=click.IntRange(1), metavar="EPOCHS",
              help="Train the finished run in RUN_DIR for EPOCHS more. It stays usable meanwhile.")
@click.option("--checkpoint-every", type=options.EpochsOrSeconds(), default="60s", show_default=True,
              help="Epochs (500) or seconds (30s) between two checkpoints.")
@click.option("--pairs", type=OLD_FILE, metavar="FILE",
              help="Your own pairs: a CSV with columns a, b, label, and maybe true_label and part (train, validation,"
              " test), in any words; or lines a+b=c. They replace rule, modulus, train fraction and noise.")
@options.repeats_option
@click.option("--noise-matrix", type=OLD_FILE, metavar="FILE",
              help="For noise of kind matrix: P × P weights, true labels as rows, corrupted labels as columns.")
@options.field_options(CONSTRAINTS)
@quiet_option
@json_option
def train(
    run_dir: Path, preset: str, resume: bool, extend: int | None, checkpoint_every: int | timedelta,
    pairs: Path | None, repeats: str | None, noise_matrix: Path | None, **fields: Any,
) -> Answer:
    """Train a network, into RUN_DIR.

    RUN_DIR must be new or empty, or hold an unfinished run of the same options, which then continues. Without options,
    80 % of the labels are wrong; --preset headline is the README's run. Either takes seconds on a CPU.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if repeats and not pairs:
        raise click.UsageError("--repeats is for the labels of --pairs")
    if resume:
        config = load_description(run_dir).config
        start = partial(training.resume, run_dir, **given)
    elif extend:
        config = load_run(run_dir).config
        config = replace(config, epochs=config.epochs + extend)
        start = partial(training.extend, run_dir, extend, **given)
    else:
        config, data = TrainingConfig.from_preset(preset, **given), UserData()
        if noise_matrix:
            data = UserData(noise_matrix=read_weights(noise_matrix))
        if pairs:
            given_pairs, tokens = load_pairs(pairs, repeats=repeats)
            config = replace(config, modulus=len(tokens)).on_pairs(given_pairs)
            data = UserData(pairs=given_pairs, tokens=tokens)
        start = partial(training.train, config, run_dir, data=data)
    with display.progress_display(config) as callback:
        run = start(callback=callback, checkpoint_every=checkpoint_every)
    last = {name: column[-1].item() for name, column in run.history.items()}
    result = {"directory": str(run_dir), "config": run.config.to_dict(), "metrics": last}
    if display.asked("as_json"):
        return Answer(result, [])
    with Analysis(run) as analysis:
        display.with_bar(analysis.parts(analysis.brief), "Analysing")
        methods = {name: analysis.row(name)._asdict() for name in analysis.brief}
    metrics = display.table(([name.replace("_", " "), f"{value:.4g}"] for name, value in last.items()), -24, 11)
    text = [*display.brief_text(run, methods), metrics if display.asked("show_all") else ""]
    return Answer(result, [*text, summary.describe_user_data(run), written(run_dir)])


@click.command(cls=OnceEach, excludes=[("--no-write", "writes no file", ["--output", "--figures"])])
@run_argument
@click.option("--by", type=click.Choice(COMPONENT_CHOICES), default="joint", show_default=True,
              help="Whose power decides a neuron's frequency: u, v and w jointly, w alone, or u, v and w separately.")
@click.option("--ensemble", "others", multiple=True, metavar="RUN_DIR", type=PATH,
              help="A further run on the same data (see train --init-seed), for the row ensemble interaction.")
@click.option("--epoch", type=click.IntRange(0), help="Analyse the snapshot after this epoch, see train --snapshots.")
@click.option("--course", "with_course", is_flag=True, help="Also print how the structure grows, snapshot by snapshot.")
@click.option("--threshold", "thresholds", multiple=True, type=click.FloatRange(0, 1), metavar="SHARE",
              default=THRESHOLDS, show_default=True,
              help="Print the first measured epoch at which each accuracy is at least SHARE (see train --eval-every).")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the figures.")
@click.option("--output", type=DIRECTORY, metavar="DIRECTORY",
              help="Where analysis.json and figures go.  [default: RUN_DIR; for a snapshot, RUN_DIR/snapshots/EPOCH]")
@click.option("--write/--no-write", default=True, show_default=True, help="Write files, or only print.")
@json_option
def analyze(
    run_dir: Path, by: str, others: tuple[Path, ...], epoch: int | None, with_course: bool,
    thresholds: tuple[float, ...], figures: bool, output: Path | None, write: bool,
) -> Answer:
    """Take a trained network apart.

    Prints what the network memorised and what it knows, and the accuracies of eight rows. Writes all rows to
    RUN_DIR/analysis.json, and figures to RUN_DIR/figures.
    """
    run = load_run(run_dir, epoch)
    is_beside, output = output is None, output or (run_dir if run.epoch is None else run_dir / "snapshots" / str(epoch))
    with Analysis(run, by, ensemble=others) as analysis:
        display.with_bar(analysis.parts(), "Analysing")
        found = summary.summary_of(analysis, dict.fromkeys(thresholds))
    text = [*display.brief_text(run, found["methods"]), display.sample_line(found), found["left_out"]]
    epochs = display.first_epochs_text(found["first_epochs"])
    if display.asked("show_all"):
        text += [*display.summary_text(found), epochs]
    elif thresholds != THRESHOLDS:
        text.append(epochs)
    if with_course:
        found["course"] = trajectory.trajectory(run)
        text.append(display.course_text(found["course"]))
    if write:
        if is_beside:
            run.beside("analysis.json")
        output.mkdir(parents=True, exist_ok=True)
        save_json(output / "analysis.json", found)
        if figures:
            from minimod.report.figures import draw_figures  # imported here, because matplotlib is slow to import

            draw_figures(found, output / "figures")
        text.append(f"Written to {output / 'analysis.json'}{f' and {output}/figures' if figures else ''}.")
    if not display.asked("show_all"):
        text.append(f"--all prints all {len(found['methods'])} rows, what they need to know, partitions and neurons.")
    printed = ("config", "by", "chance", "counts", "methods", "needs", "partition", "partition_needs", "structure",
               "components", "first_epochs", "sample", "left_out", "course")
    return Answer({name: found[name] for name in printed if name in found}, text)


@click.command(cls=OnceEach)
@run_argument
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Train at most N networks.",
              metavar="N")
@click.option("--output", type=PATH, metavar="NEW_RUN", required=True,
              help="Where the last network goes; all networks go to NEW_RUN/rounds.")
@click.option("--method", type=click.Choice(METHODS), default=DEFAULT_METHOD, metavar="ROW",
              show_default=True, help="The row of analyze whose answers become labels.")
@click.option("--width", type=click.IntRange(1), help="Hidden neurons of the new networks.  [default: the run's]")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as many as the run was trained on]")
@quiet_option
@json_option
def extract(run_dir: Path, rounds: int, output: Path, method: str, width: int | None, threads: int | None) -> Answer:
    """Train on a network's own answers.

    Replaces the training labels by what a readout of RUN_DIR's network answers, and trains a new network on these
    labels. Repeats this until the answers no longer change. Prints for every round: the share of right labels, the
    share of neurons read out, and the readout's accuracies. If it was stopped, the same command resumes.
    """
    def tell(done: self_training.Round) -> None:
        head = [] if done.number else [[name.replace("_", " ") for name in done.row]]
        if not display.asked("as_json"):
            widths = 5, 14, *[max(8, len(name) + 2) for name in [*done.row][2:]]
            click.echo(display.table([*head, done.row.values()], *widths))

    with display.stop_line("the same command"):
        run = load_run(run_dir)
        run = replace(run, config=replace(run.config, threads=threads or run.config.threads))
        answers = self_training.by_method(method)
        done = self_training.extract(run, rounds, output, answers, display.progress_display, tell, width)
    needs = together(ROWS[method].needs, labels_need(run.data))
    data = {"directory": str(output), "method": method, "needs": needs, "rounds": [each.row for each in done]}
    nothing = f"The answers are already the labels of {run_dir}: nothing to train."
    said = f"\nThe answers need to know: {needs}.\nLabels right, test and repaired need the truth, and decide nothing."
    return Answer(data, [said, display.rounding(), nothing if len(done) == 1 else written(output)])


@click.command(cls=OnceEach)
@run_argument
@click.option("--extracted", type=PATH, metavar="NEW_RUN",
              help="The run that minimod extract made of RUN_DIR, for the detector self-training.")
@click.option("--folds", type=click.IntRange(2), metavar="N",
              help="Train N networks in RUN_DIR/folds, each without one N-th of the pairs, for one more detector.")
@click.option("--discover", "search", is_flag=True, help="Search for a group in the labels, for one more detector.")
@click.option("--csv", "file", type=FILE, metavar="FILE",
              help="Where the scores of all training pairs go.  [default: RUN_DIR/detectors.csv]")
@quiet_option
@json_option
def detect(run_dir: Path, extracted: Path | None, folds: int | None, search: bool, file: Path | None) -> Answer:
    """Tell which training labels are wrong.

    Detectors give every training label a score. A higher score means that the label is more likely wrong. Detectors
    know nothing of the rule; the detector of an extracted network knows what the extraction was told. Prints what every
    detector needs to know, its AUROC (0.5 by chance), and its precision. If n labels are wrong, precision is the share
    of wrong labels among the n labels with the highest scores. Some detectors need a run that was trained with
    --record.
    """
    run, held_out, is_beside = load_run(run_dir), None, file is None
    file = file or run_dir / "detectors.csv"
    other = detection.extraction_of(run, extracted) if extracted else None
    check_output("--csv", file, run_dir, ours="detectors.csv")
    if folds:
        with display.stop_line("the same command"):
            held_out = self_training.held_out_margins(run, folds, run_dir / "folds", display.progress_display)
    group = discover_run(run, source="labels") if search else None
    judge = table_to_judge_by(group, run) if group and group.assumption else None
    found = detection.detect(run, other, held_out, judge)
    if is_beside:
        run.beside("detectors.csv")
    # The head of a column names its needs if the labels needed more than the detector does.
    heads = {name: name if needs == DETECTORS[name].needs else f"{name} [{needs}]"
             for name, needs in found["needs"].items()}
    scores = {heads[name]: score for name, score in found["scores"].items()}
    save_columns(file, {name: run.words[found[name]] for name in ("a", "b", "label")} | scores)
    wrong = f"{found['wrong']} of them wrong" if run.dataset.is_known else "and which are wrong is not known"
    rows = [["detector", "AUROC", "precision", "  needs to know"]]
    rows += [[name, found["auroc"][name], found["precision"][name], f"  {needs}"]
             for name, needs in found["needs"].items()]
    recorded = COURSE in found["needs"].values()
    data = {"csv": str(file), "labels": len(found["label"])}
    data |= {"group": group.group, "alike": group.alike, "structured": group.structured} if group else {}
    about_discovery = "" if not group else "No group was found in the labels." if not group.assumption else (
        f"{group.group} is the nearest group, perhaps not the rule. So the detector discovery does not judge the labels"
        " that disagree with it." if group.is_nearest else ""
    )
    return Answer(data | {name: found[name] for name in ("wrong", "needs", "auroc", "precision")}, [
        f"{len(found['label'])} training labels, {wrong}", display.table(rows, -20, 9, 11, -1), display.rounding(),
        about_discovery,
        "" if recorded else "Training was not recorded, see minimod train --record.",
        f"Written to {file}.",
    ])


@click.command(cls=OnceEach)
@run_argument
@json_option
def check(run_dir: Path) -> Answer:
    """Tell the state of a run: finished, unfinished, diverged, damaged, or none.

    Prints the state of the run and of every file, and the command that helps. The exit status is 1 for damaged and for
    none.
    """
    state, files = check_run(run_dir)
    text = [display.table([[state], *files.items()], -16, -1), "\n".join(what_helps(state, files, run_dir))]
    return Answer({"state": state, "files": files}, text, status=int(state in (DAMAGED, NONE)))
