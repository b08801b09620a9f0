"""Published networks, taken apart: what minimod finds in them beside what their authors report.

    python experiments/published DIRECTORY          # prints the tables of docs/published.md

DIRECTORY has clones of the projects in PUBLISHED, each under its own name. Nothing is fetched. A missing file is named.
Needs torch, and sympy for the order in which Chughtai et al. number permutations.
"""

import csv
import itertools
import json
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from minimod import Analysis, import_network, make_rule
from minimod.errors import InputError

CHUGHTAI, HE, LOUIS = "rep-theory-mech-interp", "modular-addition-feature-learning", "Finite-groups"
BATCH, SAVED, INSTANCE = "rep_theory/batch_experiments", "src/saved_models", 5


class Published(NamedTuple):
    """A file of weights, and what its project says it is."""

    project: str
    path: str
    rule: str                   # of minimod; with " of sympy" or " in order" a table of permutations
    activation: str = "relu"
    key: str = ""               # of the module in a file that holds more
    maps: dict[str, str] | None = None


PUBLISHED = (
    *(Published(CHUGHTAI, f"{BATCH}/{group}_MLP_seed1/model.pt", rule) for group, rule in (
        ("C113", "add 113"), ("C118", "add 118"), ("D59", "D59"), ("D61", "D61"), ("A5", "A5 of sympy"),
        ("S5", "S5 of sympy"))),
    *(Published(HE, f"{SAVED}/p_{name}/final.pth", f"add {name[:2]}", "quadratic" if "Quad" in name else "relu")
      for name in (
        "23_dmlp_512_ReLU_random_scale_0.1_decay_2.0_08180102", "23_dmlp_512_ReLU_random_scale_0.1_decay_0_08142058",
        "23_dmlp_512_ReLU_random_scale_0.01_decay_0_08151859", "23_dmlp_512_ReLU_random_scale_0.1_decay_0_11122351",
        "23_dmlp_512_ReLU_single-freq_scale_0.002_decay_0_08151833",
        "23_dmlp_512_Quad_random_scale_0.1_decay_0_08151413",
        "23_dmlp_512_Quad_single-freq_scale_0.02_decay_0_08151819",
        "97_dmlp_1024_ReLU_random_scale_0.1_decay_0_11231917")),
    Published(LOUIS, "data/acc_bound_S4_new.pt", "S4 in order", key="ideal_models", maps={
        "U": f"embedding_left[{INSTANCE}]", "V": f"embedding_right[{INSTANCE}]", "W": f"unembedding[{INSTANCE}]",
        "mu": f"unembed_bias[{INSTANCE}]"}),
    # What is refused: a module, numbers that are no weights, and a transformer.
    Published(LOUIS, "data/acc_bound_S4_new.pt", "S4"), Published(LOUIS, "data/S5_measures.pt", "S5"),
    Published(CHUGHTAI, f"{BATCH}/C113_T_seed1/model.pt", "add 113"),
)  # fmt: skip


def label_table(rule: str) -> np.ndarray:
    """The true labels of a rule. Permutations have the project's numbers. The product of x and y applies x first."""
    name, _, order = rule.partition(" ")
    if order == "of sympy":
        groups = import_module("sympy.combinatorics")
        A5 = groups.Permutation(0, 1, 2, 3, 4), groups.Permutation(1, 2)(3, 4)
        group = groups.PermutationGroup(*A5) if name == "A5" else groups.SymmetricGroup(int(name[1]))
        elements = [tuple(element.array_form) for element in group.generate()]
    elif order == "in order":
        elements = list(itertools.permutations(range(int(name[1]))))
    else:
        return make_rule(name, int(order) if order else None).label_table
    number = {element: i for i, element in enumerate(elements)}
    return np.array([[number[tuple(y[i] for i in x)] for y in elements] for x in elements])


def state_alone(file: Path, key: str, folder: Path) -> Path:
    """The state dict of the module under a key, saved without the project's code. Stand-ins replace its classes."""
    torch = import_module("torch")
    classes = []
    for name in torch.serialization.get_unsafe_globals_in_checkpoint(file):
        module, _, kind = name.rpartition(".")
        stand_in = type(kind, (torch.nn.Module,), {"__module__": module})
        classes.append(getattr(import_module(module), kind) if module.startswith("torch.nn.") else stand_in)
    with torch.serialization.safe_globals(classes):
        torch.save(torch.load(file, weights_only=True, map_location="cpu")[key].state_dict(), folder / "state.pth")
    return folder / "state.pth"


def training_pairs(file: Path, P: int) -> Any:
    """The numbers P a + b of a network's training pairs, by its project; None for all pairs, or if not known."""
    torch = import_module("torch")
    if (file.parent / "cfg.json").exists():
        config = json.loads((file.parent / "cfg.json").read_text(encoding="utf-8"))
        torch.manual_seed(config["seed"])
        return np.asarray(torch.randperm(P * P).numpy()[: int(config["frac_train"] * P * P)])
    if (file.parent / "train_data.pth").exists():
        train = torch.load(file.parent / "train_data.pth", weights_only=True, map_location="cpu")
        a, b = np.array(train[0].tolist() if isinstance(train, tuple) else train).T
        return P * a + b if len(a) < P * P else None
    return None


def write_pairs(file: Path, table: np.ndarray, training: np.ndarray) -> None:
    """All pairs with their true labels, for --pairs. Every second held-out pair is for validation."""
    part = np.full(table.size, "", dtype=object)
    held_out = np.setdiff1d(np.arange(table.size), training)
    part[training], part[held_out[::2]], part[held_out[1::2]] = "train", "validation", "test"
    a, b = np.divmod(np.arange(table.size), len(table))
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("a", "b", "label", "part"), *zip(a, b, table.ravel(), part, strict=True)])


def reported_accuracy(file: Path) -> str:
    """The test accuracy that a project has beside a file: in a summary, or in the last epoch that was kept."""
    torch = import_module("torch")
    if (file.parent / "summary_metrics.json").exists():
        return f"{json.loads((file.parent / 'summary_metrics.json').read_text(encoding='utf-8'))['test_acc']:.3f}"
    epochs = [path for path in file.parent.glob("*.pth") if path.stem.isdigit()]
    for last in sorted(epochs, key=lambda path: int(path.stem))[-1:]:
        return f"{torch.load(last, weights_only=True, map_location='cpu')['test_accuracy']:.3f} (epoch {last.stem})"
    return "-"


def reported_shares(file: Path) -> dict[str, np.ndarray]:
    """By representation: its share of the power of U, V and W without their means. {} if the project has none."""
    if not (file.parent / "summary_metrics.json").exists():
        return {}
    summary = json.loads((file.parent / "summary_metrics.json").read_text(encoding="utf-8"))
    keys = ("percent_x_embed_{}_rep", "percent_y_embed_{}_rep", "percent_unembed_{}_rep")
    start, end = keys[0].split("{}")
    found = [key for key in summary if key.startswith(start) and key.endswith(end)]
    names = [key.removeprefix(start).removesuffix(end) for key in found]
    shares = {name: np.array([summary[key.format(name)] for key in keys]) for name in names}
    constant = shares.pop("trivial")
    return {name: share / (1 - constant) for name, share in shares.items()}


def measure(published: Published, file: Path, folder: Path) -> dict[str, Any]:
    """What minimod finds in a file, beside what its authors report. Raises InputError where it cannot be imported."""
    name, _, order = published.rule.partition(" ")
    table = label_table(published.rule)
    options: dict[str, Any] = {"rule": name, "activation": published.activation}
    if name == "add":
        options["modulus"] = len(table)
    elif order:
        np.savetxt(folder / "table.csv", table, "%d", ",")
        options["rule"] = f"table:{folder / 'table.csv'}"
    training = training_pairs(file, len(table))
    if training is not None:
        write_pairs(folder / "pairs.csv", table, training)
        options["pairs"] = folder / "pairs.csv"
    weights = state_alone(file, published.key, folder) if published.key else file
    run, lines = import_network(weights, folder / "run", published.maps, **options)
    held_out = np.setdiff1d(np.arange(table.size), () if training is None else training)
    theirs = reported_shares(file)
    with Analysis(run) as analysis:
        structure, strength = analysis.structure, analysis.partition["strength"]
        shares = structure.power.sum(axis=2) / structure.power.sum(axis=(1, 2))[:, None]
        accuracy = (analysis.predict("raw") == table).ravel()[held_out].mean()
        cells = [analysis.row("dominant").test, analysis.row("residual").test, structure.typical["median_share"],
                 structure.typical["phase_error_rms"], strength["generalising"], strength["test"]]
        have = np.bincount(structure.component[0] - 1, minlength=shares.shape[1]) > 0
    # The component of a representation is the component with the nearest shares in U, V and W.
    ours = {name: int(np.abs(shares.T - share).max(axis=1).argmin()) for name, share in theirs.items()}
    names = dict(enumerate(run.dataset.rule.component_names)) | {k: name for name, k in ours.items()}
    layout = [line for line in lines if line.startswith("the layout is ")]
    return {
        "layout": layout[0].removeprefix("the layout is ") if layout else "by --map",
        "accuracy": f"{accuracy:.3f}" + (" of all pairs" if training is None else ""),
        "theirs": reported_accuracy(file), "cells": cells, "names": names, "shares": shares.mean(axis=0), "have": have,
        "differences": {name: np.abs(shares[:, ours[name]] - share).max() for name, share in theirs.items()},
    }


def batch(directory: Path, tables: dict[str, np.ndarray]) -> str:
    """How far every multilayer perceptron of Chughtai et al. is from its published test accuracy."""
    found: dict[str, float] = {}
    for file in sorted((directory / CHUGHTAI / BATCH).glob("*_MLP_*/model.pt")):
        config = json.loads((file.parent / "cfg.json").read_text(encoding="utf-8"))
        kind, n = config["group"], config["group_parameter"]
        rule = {"CyclicGroup": f"add {n}", "DihedralGroup": f"D{n}"}.get(kind, f"{kind[0]}{n} of sympy")
        table = tables[rule] = tables[rule] if rule in tables else label_table(rule)
        with TemporaryDirectory() as folder:
            run, _ = import_network(file, Path(folder) / "run", modulus=len(table))
        with Analysis(run) as analysis:
            right = (analysis.predict("raw") == table).ravel()
        test = np.delete(right, training_pairs(file, len(table))).mean()
        summary = json.loads((file.parent / "summary_metrics.json").read_text(encoding="utf-8"))
        found[file.parent.name] = abs(test - summary["test_acc"])
    if not found:
        return f"No file of {CHUGHTAI}, {BATCH}/*_MLP_* is in {directory}."
    worst = max(found, key=lambda name: found[name])
    return (f"{len(found)} files of {CHUGHTAI}, {BATCH}/*_MLP_*: all are imported, and our test accuracy is theirs to"
            f" {found[worst]:.0e} ({worst}).")


def components(found: dict[str, Any]) -> str:
    """The components that are dominant in a neuron, and their shares of the power of U, V and W, largest first."""
    order = [k for k in np.argsort(-found["shares"], kind="stable") if found["have"][k]]
    text = ", ".join(f"{found['names'][k]} {found['shares'][k]:.1%}" for k in order[:12])
    return f"{text}, and {len(order) - 12} more" if len(order) > 12 else text


def key_representations(found: dict[str, Any], file: Path) -> str:
    """How the components of neurons and the key representations of the project agree."""
    if not found["differences"]:
        return "-"
    ours = {found["names"][k] for k in np.flatnonzero(found["have"])}
    theirs = {*(file.parent / "key_reps.txt").read_text(encoding="utf-8").split()}
    more = [f"{who}: {', '.join(sorted(names))}" for who, names in
            (("ours alone", ours - theirs), ("theirs alone", theirs - ours)) if names]
    return "; ".join([f"{len(ours & theirs)} the same", *more])


def main(directory: Path) -> None:
    """Print the tables, and what is refused or missing."""
    rows, second, refused = [], [], []
    for published in PUBLISHED:
        file = directory / published.project / published.path
        name = published.path.removeprefix(f"{BATCH}/").removeprefix(f"{SAVED}/").removesuffix("/final.pth")
        if not file.exists():
            refused.append(f"- {published.project}, {published.path} is missing in {directory}")
            continue
        with TemporaryDirectory() as folder:
            try:
                found = measure(published, file, Path(folder))
            except InputError as error:
                refused.append(f"- {published.project}, {published.path}: {error}".replace(str(directory), "DIRECTORY"))
                continue
        dominant, residual, share, phase, part, test = found["cells"]
        rows.append((name, published.rule, found["layout"], found["accuracy"], found["theirs"], f"{dominant:.3f}",
                     f"{residual:.3f}", f"{share:.3f}", f"{phase:.3f}", f"{part:.2f}", f"{test:.3f}"))
        worst = max(found["differences"], key=found["differences"].get, default="")
        second.append((name, components(found), key_representations(found, file),
                       f"{found['differences'][worst]:.0e}, {worst}" if worst else "-"))
    for head, body in (
        (("file", "rule", "layout", "accuracy", "theirs", "dominant", "residual", "median share", "phase error", "γ_G",
          "its test"), rows),
        (("file", "components of neurons", "key representations", "largest difference of a share"), second),
    ):
        print("", *("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body)), sep="\n")
    print("", *refused, "", batch(directory, {}), sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
