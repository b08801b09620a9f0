"""Figures of what `analyze` returns. Nothing is computed here."""

import itertools
import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from minimod.analysis.scores import NOTHING
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, SKY, STYLE, VERMILION, save_figure


@style.context(["default", STYLE])
def draw_figures(summary: dict[str, Any], directory: Path) -> list[Path]:
    """Draw what `analyze` returns: every figure of FIGURES as PNG and SVG into the directory. Returns the paths."""
    paths = []
    for name, draw in FIGURES.items():
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
        "filtered_test_accuracy": ("test pairs, filtered to one\nfrequency per neuron", GREEN, "--"),
    }
    for name, (label, color, line) in curves.items():
        axes.plot(history["epoch"], history[name], line, color=color, label=label, marker=".", markersize=4)
    axes.axhline(summary["chance"], color=BLACK, linestyle=":", linewidth=1, label=f"chance, {summary['chance']:.3f}")
    axes.set_xscale("symlog", linthresh=1)
    last = max(1, history["epoch"][-1])
    axes.set_xlim(0, last)
    decades = [10**exponent for exponent in range(len(str(int(last))))]
    axes.set_xticks([0, *decades], labels=["0", *(f"{decade:,}" for decade in decades)])
    axes.set(xlabel="epoch (logarithmic)", ylabel="accuracy", ylim=(-0.02, 1.04))
    figure.legend(loc="outside right center")
    figure.suptitle(summary["title"])
    return figure


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
    dominant = summary["methods"]["dominant"]["test"]
    figure.axes[0].axhline(dominant, color=VERMILION, linestyle="-.", linewidth=1, label="dominant, all neurons")
    figure.axes[0].set_ylabel("accuracy")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(f"{summary['title']}\nsolid: scores that know nothing of the rule; thin line: chance")
    return figure


def draw_spectrum(summary: dict[str, Any]) -> Figure:
    """Every neuron's spectrum as a column, sorted by dominant frequency; and that frequency's share of the power."""
    figure = Figure(figsize=(9, 4))
    image_axes, share_axes = figure.subplots(1, 2, width_ratios=(2, 1))
    share, n_neurons = summary["spectrum"]["share"], len(summary["spectrum"]["order"])
    image = image_axes.imshow(
        share, aspect="auto", origin="lower", cmap="viridis", interpolation="nearest", vmin=0,
        extent=(0, n_neurons, 0.5, len(share) + 0.5),
    )
    figure.colorbar(image, ax=image_axes, label="share of power, mean of u, v, w")
    image_axes.set(xlabel="neuron, sorted by dominant frequency", ylabel="frequency k")
    trained, initial = summary["neurons"]["share"], summary["initial_share"]
    bins = np.linspace(0, max(trained.max(), initial.max()), 51)
    share_axes.hist(initial, bins, histtype="step", color=BLACK, label="before training")
    share_axes.hist(trained, bins, color=BLUE, alpha=0.8, label="trained")
    share_axes.set(xlabel="share of the dominant frequency", ylabel="neurons", xlim=(0, bins[-1]))
    share_axes.margins(y=0.25)
    share_axes.legend(loc="upper right", fontsize=9)
    figure.suptitle(summary["title"], fontsize=10)
    return figure


def draw_neurons(summary: dict[str, Any]) -> Figure:
    """Some neurons' weights u, v, w and the cosine that each is filtered to, ordered so that it has one period."""
    examples = summary["examples"]
    figure = Figure(figsize=(9, 1.7 * len(examples) + 0.6))
    panels = figure.subplots(len(examples), 3, sharex=True, squeeze=False)
    for row, example in zip(panels, examples, strict=True):
        for axes, (vector, curve) in zip(row, example["vectors"].items(), strict=True):
            axes.plot(curve["position"], curve["weight"], ".", color=BLUE, markersize=3, label="trained")
            axes.plot(curve["position"], curve["dominant"], color=VERMILION, label="its dominant frequency")
            axes.set_title(f"{vector}, k = {curve['frequency']}", fontsize=9)
        row[0].set_ylabel(f"neuron {example['neuron']}\nshare {example['share']:.3f}", fontsize=9)
    for axes, tokens in zip(panels[-1], ("first input", "second input", "class"), strict=True):
        axes.set_xlabel(f"k · {tokens} mod {len(curve['position'])}", fontsize=9)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(
        f"{summary['title']}\nneurons at the maximum, upper quartile, median and lower quartile of the share\n"
        "weights over the rule's coordinates x, drawn at k x mod N, where a cosine of frequency k has one period",
    )
    return figure


def draw_phases(summary: dict[str, Any]) -> Figure:
    """Each neuron's φ_a + φ_b against φ_c, with the line of ideal neurons."""
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


FIGURES: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "accuracies": draw_accuracies, "methods": draw_methods, "masks": draw_masks, "spectrum": draw_spectrum,
    "neurons": draw_neurons, "phases": draw_phases,
}
