"""Figures of what `analyze` returns. Nothing is computed here."""

import itertools
import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minimod.analysis.scores import NOTHING
from minimod.analysis.structure import coordinate_of
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, SKY, STYLE, VERMILION, save_figure, words


@style.context(["default", STYLE])
def draw_figures(summary: dict[str, Any], directory: Path) -> list[Path]:
    """Draw what `analyze` returns: the figures for which it has what they need, as PNG and SVG. Returns the paths."""
    paths = []
    for name, draw in FIGURES.items():
        if PARTS.get(name, "config") not in summary:
            continue
        figure = draw(summary)
        for kind in ("png", "svg"):
            paths.append(directory / f"{name}.{kind}")
            save_figure(figure, paths[-1])
    return paths


def draw_accuracies(summary: dict[str, Any]) -> Figure:
    """Accuracies over epochs: what is fitted, what is answered, and what the filtered network answers."""
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    history = summary["history"]
    curves = {
        "clean_accuracy": ("clean training labels", SKY, "-"),
        "noisy_accuracy": ("corrupted training labels", ORANGE, "-"),
        "test_accuracy": ("test pairs", BLACK, "-"),
        "filtered_test_accuracy": ("test pairs, filtered to one\nfrequency (or component)\nper neuron", GREEN, "--"),
    }
    for name, (label, color, line) in curves.items():
        axes.plot(history["epoch"], history[name], line, color=color, label=label, marker=".", markersize=4)
    axes.axhline(summary["chance"], color=BLACK, linestyle=":", linewidth=1, label=f"chance, {summary['chance']:.3f}")
    _over_epochs(axes, history["epoch"])
    axes.set(xlabel="epoch (logarithmic)", ylabel="accuracy", ylim=(-0.02, 1.04))
    figure.legend(loc="outside right center")
    figure.suptitle(summary["title"])
    return figure


def _over_epochs(axes: Axes, epochs: np.ndarray) -> None:
    """A logarithmic axis that has 0."""
    last = max(1, int(epochs[-1]))
    decades = [10**exponent for exponent in range(len(str(last)))]
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, last)
    axes.set_xticks([0, *decades], labels=["0", *(f"{decade:,}" for decade in decades)])


def draw_methods(summary: dict[str, Any]) -> Figure:
    """Bars of every method's accuracy on test pairs and on the labels drawn for corrupted training pairs."""
    rows = list(summary["methods"])
    figure = Figure(figsize=(8, 0.42 * len(rows) + 1.2))
    axes = figure.subplots()
    measures = {
        "test": ("test pairs: their true label", GREEN),
        "noisy": ("corrupted training pairs: their wrong label", ORANGE),
    }
    for offset, (measure, (label, color)) in zip((-0.2, 0.2), measures.items(), strict=True):
        values = [summary["methods"][name][measure] for name in rows]
        positions = [index + offset for index in range(len(rows))]
        bars = axes.barh(positions, np.nan_to_num(values), height=0.38, color=color, label=label)
        texts = ["no such pairs" if math.isnan(value) else f"{value:.3f}" for value in values]
        background = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.bar_label(bars, texts, padding=4, fontsize=8, bbox=background)
    axes.axvline(summary["chance"], color=BLACK, linestyle=":", linewidth=1, label=f"chance, {summary['chance']:.3f}")
    axes.set_yticks(range(len(rows)), [f"{name}  [{summary['needs'][name]}]" for name in rows], fontsize=9)
    axes.set(xlabel="accuracy", xlim=(0, 1.08), ylim=(len(rows) - 0.4, -0.6))
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    figure.suptitle(f"{summary['title']}\nin brackets: what a method needs to know")
    return figure


# By line: of scores that know nothing of the rule, of those that do, and of random rankings.
MASK_COLORS = dict.fromkeys(("-", "--"), (BLUE, SKY, GREEN, ORANGE, VERMILION)) | {":": (BLACK,)}


def draw_masks(summary: dict[str, Any]) -> Figure:
    """What the top neurons of every score answer, and what the others still know of the noise, by the share kept."""
    masks = summary["masks"]
    figure = Figure(figsize=(11, 4.6))
    parts = {
        "top": ("test", "the top neurons alone:\ntest pairs"),
        "interaction": ("test", "their interaction readout:\ntest pairs"),
        "rest": ("noisy", "without the top neurons:\ncorrupted training labels"),
    }
    for axes, (part, (measure, heading)) in zip(figure.subplots(1, 3, sharey=True), parts.items(), strict=True):
        curves = {name: curve[measure] for name, curve in masks[part].items()}
        axes.fill_between(
            masks["keep"], curves.pop("random low"), curves.pop("random high"), color=BLACK, alpha=0.2, linewidth=0,
            label="random, lowest to highest",
        )
        colors = {line: itertools.cycle(colors) for line, colors in MASK_COLORS.items()}
        for name, curve in curves.items():
            agnostic = summary["needs"][f"{name} subnetwork"].startswith(NOTHING)
            line = ":" if name == "random" else "-" if agnostic else "--"
            axes.plot(masks["keep"], curve, color=next(colors[line]), label=name, linestyle=line)
        axes.axhline(summary["chance"], color=BLACK, linewidth=0.8)
        axes.set(xlabel="share of neurons counted as top", xscale="log", ylim=(-0.02, 1.04), xlim=(0.01, 1))
        axes.set_xticks([0.01, 0.03, 0.1, 0.3, 1], ["1 %", "3 %", "10 %", "30 %", "all"])
        axes.minorticks_off()
        axes.set_title(heading)
    if "dominant" in summary["methods"]:
        dominant = summary["methods"]["dominant"]["test"]
        figure.axes[0].axhline(dominant, color=VERMILION, linestyle="-.", linewidth=1, label="dominant, all neurons")
    figure.axes[0].set_ylabel("accuracy")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(f"{summary['title']}\nsolid: scores that know nothing of the rule; thin line: chance")
    return figure


def draw_spectrum(summary: dict[str, Any]) -> Figure:
    """Every neuron's spectrum as a column, sorted by dominant component; and that component's share of the power."""
    figure = Figure(figsize=(9, 4))
    image_axes, share_axes = figure.subplots(1, 2, width_ratios=(2, 1))
    share, n_neurons = summary["spectrum"]["share"], len(summary["spectrum"]["order"])
    image = image_axes.imshow(
        share, aspect="auto", origin="lower", cmap="viridis", interpolation="nearest", vmin=0,
        extent=(0, n_neurons, 0.5, len(share) + 0.5),
    )
    figure.colorbar(image, ax=image_axes, label="share of power, mean of u, v, w")
    what = coordinate_of(summary["neurons"])
    image_axes.set(xlabel=f"neuron, sorted by dominant {what}", ylabel="frequency k" if what == "frequency" else what)
    if what == "component":
        some = range(0, len(share), 1 + len(share) // 30)
        image_axes.set_yticks([k + 1 for k in some], [summary["components"][k] for k in some], fontsize=8)
    trained, initial = summary["neurons"]["share"], summary["initial_share"]
    bins = np.linspace(0, max(trained.max(), initial.max()), 51)
    share_axes.hist(initial, bins, histtype="step", color=BLACK, label="before training")
    share_axes.hist(trained, bins, color=BLUE, alpha=0.8, label="trained")
    share_axes.set(xlabel=f"share of the\ndominant {what}", ylabel="neurons", xlim=(0, bins[-1]))
    share_axes.margins(y=0.25)
    share_axes.legend(loc="upper right", fontsize=9)
    figure.suptitle(summary["title"], fontsize=10)
    return figure


def draw_neurons(summary: dict[str, Any]) -> Figure:
    """Some neurons' weights u, v, w and what each is filtered to: a cosine, over one period, or a group's component."""
    examples = summary["examples"]
    figure = Figure(figsize=(9, 1.7 * len(examples) + 0.6))
    panels = figure.subplots(len(examples), 3, sharex=True, squeeze=False)
    what = coordinate_of(summary["neurons"])
    if what == "frequency":
        coordinate = "k · {} mod {}"
        order = "over the rule's coordinates x, drawn at k x mod N, where a cosine of frequency k has one period"
    else:
        coordinate = "{}, in the order of what is kept"
        order = "over the tokens, in the order of what the filtration keeps"
    for row, example in zip(panels, examples, strict=True):
        for axes, (vector, curve) in zip(row, example["vectors"].items(), strict=True):
            axes.plot(curve["position"], curve["weight"], ".", color=BLUE, markersize=3, label="trained")
            axes.plot(curve["position"], curve["dominant"], color=VERMILION, label=f"its dominant {what}")
            axes.set_title(f"{vector}, {'k =' if what == 'frequency' else what} {curve[what]}", fontsize=9)
        row[0].set_ylabel(f"neuron {example['neuron']}\nshare {example['share']:.3f}", fontsize=9)
    for axes, tokens in zip(panels[-1], ("first input", "second input", "class"), strict=True):
        axes.set_xlabel(coordinate.format(tokens, len(curve["position"])), fontsize=9)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(
        f"{summary['title']}\nneurons at the maximum, upper quartile, median and lower quartile of the share\n"
        f"weights {order}",
    )
    return figure


def draw_phases(summary: dict[str, Any]) -> Figure:
    """Each neuron's φ_a + φ_b against φ_c, with the line of ideal neurons; of a group, the angles in place of that."""
    if "phase_sum" not in summary["neurons"]:
        return draw_angles(summary)
    figure = Figure(figsize=(6, 6))
    axes = figure.subplots()
    neurons = summary["neurons"]
    axes.plot(neurons["phase_c"], neurons["phase_sum"], ".", color=BLUE, markersize=3, alpha=0.5, label="a neuron")
    ends = [-math.pi, math.pi]
    axes.plot(ends, ends, color=VERMILION, label=r"ideal: $\varphi_a + \varphi_b = \varphi_c$")
    ticks, labels = [-math.pi, 0, math.pi], ["-π", "0", "π"]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.set(xlabel=r"$\varphi_c$ of w", ylabel=r"$\varphi_a + \varphi_b$ of u and v", aspect="equal")
    trained, untrained = (
        "undefined" if math.isnan(error) else f"{error:.2f} rad"
        for error in (summary["structure"][name]["phase_error_rms"] for name in ("trained", "untrained"))
    )
    counted = f"{summary['structure']['trained']['neurons_with_one_frequency']} of {len(neurons['share'])}"
    figure.suptitle(
        f"{textwrap.fill(summary['title'], 80)}\n{counted} neurons, those with one frequency for u, v and w\n"
        f"error: root mean square {trained}, before training {untrained}", fontsize=9,
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, fontsize=9)
    return figure


def draw_angles(summary: dict[str, Any]) -> Figure:
    """How far each neuron's û v̂ is from ŵ, trained and before: of a group, what φ_a + φ_b = φ_c is of a cyclic rule."""
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    bins = np.linspace(0, math.pi, 41).tolist()
    axes.hist(summary["initial_phase_error"], bins, histtype="step", color=BLACK, label="before training")
    axes.hist(summary["neurons"]["phase_error"], bins, color=BLUE, alpha=0.8, label="trained")
    axes.set_xticks([0, math.pi / 2, math.pi], ["0: ideal", "π/2", "π"])
    axes.set(xlabel="angle between û v̂ and ŵ in the dominant component, rad", ylabel="neurons", xlim=(0, math.pi))
    axes.margins(y=0.25)
    axes.legend(loc="upper right", fontsize=9)
    figure.suptitle(textwrap.fill(summary["title"], 80), fontsize=10)
    return figure


def draw_course(summary: dict[str, Any]) -> Figure:
    """How the structure grows, snapshot by snapshot: accuracies, shares and phases, losses, norms."""
    course, figure = summary["course"], Figure(figsize=(11, 7))
    panels: dict[str, tuple[str, ...]] = {
        "accuracy on test pairs": ("raw test", "interaction test", "dominant test", "dominant+quadratic test"),
        "shares, phase error / π, separation": ("median_share", "ideal_power_share", "phase_error_rms", "separation"),
        "loss": ("restricted_loss", "excluded_loss"),
        "norm": ("norm U", "norm V", "norm W"),
    }
    looks = tuple(zip((BLACK, ORANGE, BLUE, GREEN), ("o", "s", "^", "D"), strict=True))
    for axes, (label, names) in zip(figure.subplots(2, 2, sharex=True).flat, panels.items(), strict=True):
        for name, (color, marker) in zip(names, looks, strict=False):
            if name in course:
                values = course[name] / (math.pi if name == "phase_error_rms" else 1)
                axes.plot(course["epoch"], values, color=color, marker=marker, markersize=4, label=words(name))
        _over_epochs(axes, course["epoch"])
        axes.set_ylabel(label)
        if axes.lines:
            axes.legend(fontsize=8)
    for axes in figure.axes[2:]:
        axes.set_xlabel("epoch (logarithmic)")
    figure.suptitle(f"{summary['title']}\nrestricted loss: test pairs, the last epoch's dominant components alone; "
                    "excluded: training labels, all the rest", fontsize=10)
    return figure


FIGURES: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "accuracies": draw_accuracies, "methods": draw_methods, "masks": draw_masks, "spectrum": draw_spectrum,
    "neurons": draw_neurons, "phases": draw_phases, "course": draw_course,
}

# The part of a summary that not every run has, without which a figure is left out.
PARTS = {"spectrum": "spectrum", "neurons": "examples", "phases": "neurons", "course": "course"}
