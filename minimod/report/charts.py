"""The charts of a run, from the result of `analyze` or from the `page_data` of its page. Nothing is computed here."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.rows import AGNOSTIC
from minimod.analysis.structure import coordinate_of
from minimod.report.chart import Axis, Chart, Series, by_name, logarithmic
from minimod.report.style import BLACK, BLUE, CHANCE, GREEN, ORANGE, SKY, STYLES, VERMILION, Style, words
from minimod.report.words import row_in_words

ACCURACY = Axis("accuracy", limits=(-0.03, 1.05), ticks={share / 5: f"{share / 5:g}" for share in range(6)})

# Column of the history -> its words and style. The last column is for runs whose right labels are unknown.
CURVES = {
    "clean_accuracy": ("right training labels", Style(SKY, "squares")),
    "noisy_accuracy": ("wrong training labels", Style(ORANGE, "triangles")),
    "test_accuracy": ("test pairs", Style(BLACK, "circles")),
    "filtered_test_accuracy": (
        "test pairs, by the filtered network", Style(GREEN, "diamonds", "dashed")
    ),
    "train_accuracy": ("training labels", Style(BLUE, "squares")),
}
NEURON, KEPT = Style(BLUE, "circles", ""), Style(VERMILION)


def accuracies(summary: dict[str, Any]) -> Chart:
    """Accuracies over epochs: on training labels, on test pairs, and by the filtered network on test pairs.

    If a rule has components, one point at the last epoch shows the control: the row "random frequency" on test pairs.
    """
    history = summary["history"]
    epochs = history["epoch"].tolist()
    there = [column for column in CURVES if not np.isnan(history[column]).all()]
    if {"clean_accuracy", "train_accuracy"} <= {*there}:        # runs of minimod 0.1.0 have no train_accuracy
        there.remove("train_accuracy")
    series = [Series(CURVES[column][0], epochs, history[column], CURVES[column][1]) for column in there]
    if control := summary.get("methods", {}).get("random frequency"):
        in_words = f"test pairs, by {row_in_words('random frequency')}"
        series.append(Series(in_words, epochs[-1:], [control["test"]], Style(VERMILION, "stars", "")))
    axis = logarithmic("epoch (logarithmic)", epochs)
    return Chart(summary["title"], axis, ACCURACY, {"": [*series, level("chance", summary["chance"], epochs)]})


def level(name: str, share: float, x: list[Any], style: Style = CHANCE) -> Series:
    """A horizontal line at one accuracy, over the whole x-axis."""
    return Series(f"{name}, {share:.3f}", [x[0], x[-1]], [share, share], style)


def methods(summary: dict[str, Any]) -> Chart:
    """Every method's accuracy on test pairs, and on the wrong labels of corrupted training pairs."""
    names = {name: f"{name}  [{summary['needs'][name]}]" for name in summary["methods"]}
    measures = {
        "test": ("test pairs answered", Style(GREEN, "circles", "")),
        "noisy": ("wrong training labels given back", Style(ORANGE, "triangles", "")),
    }
    x = list(names.values())
    series = [
        Series(name, x, [row[measure] for row in summary["methods"].values()], style)
        for measure, (name, style) in measures.items()
    ]
    title = f"{summary['title']}\nin brackets: what a method needs to know"
    panels = {"": [*series, level("chance", summary["chance"], x)]}
    return Chart(title, by_name("", x), ACCURACY, panels, is_list=True)


def masks(summary: dict[str, Any]) -> Chart:
    """Accuracies of the top neurons by every score, and of the network without them, over the share of top neurons."""
    study, keep, panels = summary["masks"], np.asarray(summary["masks"]["keep"]).tolist(), {}
    parts = {
        "wrong labels memorised by the top neurons alone": ("top", "noisy"),
        "wrong labels memorised without the top neurons": ("rest", "noisy"),
        "test pairs answered by the top neurons alone": ("top", "test"),
        "test pairs answered by the interaction readout of the top neurons": ("interaction", "test"),
    }
    scores = [name for name in study["top"] if not name.startswith("random")]
    for title, (part, measure) in parts.items():
        curves = {name: curve[measure] for name, curve in study[part].items()}
        panels[title] = [
            Series(name, keep, curves[name], replace(style, dash="solid" if name in AGNOSTIC else "dashed"))
            for name, style in zip(scores, STYLES, strict=False)
        ]
        band = curves["random low"], curves["random high"]
        panels[title].append(Series("random", keep, curves["random"], Style(BLACK, "circles", "dotted"), *band))
        panels[title].append(level("chance", summary["chance"], keep))
        if "dominant" in summary["methods"]:
            dominant = [summary["methods"]["dominant"][measure]] * 2
            style = Style(VERMILION, dash="dash-dotted")
            panels[title].append(Series("dominant, all neurons", [keep[0], keep[-1]], dominant, style))
    title = f"{summary['title']}\nsolid: scores that know nothing about the rule; dashed: scores that know it"
    return Chart(title, logarithmic("share of neurons counted as top", keep), ACCURACY, panels)


def neurons(summary: dict[str, Any]) -> Chart:
    """The weights u, v, w of some neurons, and their filtered weights: a cosine, over one period, or a component."""
    what, panels = coordinate_of(summary["neurons"]), {}
    for example in summary["examples"]:
        for vector, curve in example["vectors"].items():
            title = f"neuron {example['neuron']}, share {example['share']:.3f}\n{vector}, {what} {curve[what]}"
            panels[title] = [
                Series("trained", curve["position"], curve["weight"], NEURON),
                Series(f"its dominant {what}", curve["position"], curve["dominant"], KEPT),
            ]
    title = f"{summary['title']}\nneurons at the maximum, upper quartile, median and lower quartile of the share"
    return Chart(title, Axis(order_of("token", what, len(curve["position"]))), Axis(""), panels)


def order_of(tokens: str, what: str, n: int) -> str:
    """The label of the axis of a neuron's weights. A cosine of frequency k has one period over k x mod N."""
    return f"k · {tokens} mod {n}" if what == "frequency" else f"{tokens}, in the order of the filtered weights"


def phases(summary: dict[str, Any]) -> Chart:
    """φ_a + φ_b over φ_c of every neuron, with the line of ideal neurons. For groups, the angle between û v̂ and ŵ."""
    table, ends = summary["neurons"], [-math.pi, math.pi]
    trained, untrained = (
        "undefined" if math.isnan(error) else f"{error:.2f} rad"
        for error in (summary["structure"][name]["phase_error_rms"] for name in ("trained", "untrained"))
    )
    title = f"{summary['title']}\nerror: root mean square {trained}, before training {untrained}"
    if "phase_sum" in table:
        ticks = {-math.pi: "-π", 0: "0", math.pi: "π"}
        counted = f"{summary['structure']['trained']['neurons_with_one_frequency']} of {len(table['share'])}"
        return Chart(
            f"{title}\n{counted} neurons: they have the same frequency in u, v and w",
            Axis("φ_c of w", ticks=ticks), Axis("φ_a + φ_b of u and v", ticks=ticks),
            {"": [Series("a neuron", *phases_of(table), NEURON),
                  Series("ideal: φ_a + φ_b = φ_c", ends, ends, KEPT)]}, is_square=True,
        )
    before = phases_of({"phase_error": summary["initial_phase_error"]})
    ticks = {0: "0: ideal", math.pi / 2: "π/2", math.pi: "π"}
    axis = Axis("angle between û v̂ and ŵ in the dominant component, rad", ticks=ticks)
    return Chart(title, axis, Axis("neurons"), {"": [
        Series("trained", *phases_of(table), Style(BLUE, "circles")),
        Series("before training", *before, Style(BLACK, "", "dashed")),
    ]})


def phases_of(neurons: dict[str, np.ndarray]) -> tuple[Any, Any]:
    """The numbers x and y of a network's series in `phases`."""
    if "phase_sum" in neurons:
        return neurons["phase_c"], neurons["phase_sum"]
    angles, edges = neurons["phase_error"], np.linspace(0, math.pi, 41)
    return (edges[1:] + edges[:-1]) / 2, np.histogram(angles[~np.isnan(angles)], edges)[0]


def growth(summary: dict[str, Any]) -> Chart:
    """Losses and norms of the weights over epochs. If right labels are unknown, the loss of all training labels."""
    history, epochs = summary["history"], summary["history"]["epoch"].tolist()
    losses = {"clean_accuracy": "clean_loss", "noisy_accuracy": "noisy_loss", "test_accuracy": "test_loss"}
    if np.isnan(history["clean_accuracy"]).all():
        losses |= {"train_accuracy": "loss"}
    panels = {"loss": {CURVES[name][0]: (loss, CURVES[name][1]) for name, loss in losses.items()},
              "norm of the weights": {
                  name: (f"norm_{name}", style) for name, style in zip("UVW", STYLES, strict=False)
              }}
    return Chart(summary["title"], logarithmic("epoch (logarithmic)", epochs), Axis(""), {
        title: [Series(name, epochs, history[column], style) for name, (column, style) in series.items()
                if not np.isnan(history[column]).all()]
        for title, series in panels.items()
    })


def components(shown: dict[str, Any]) -> Chart:
    """The share of all power, and the number of neurons, by component. The control is the untrained network."""
    what, trained = shown["what"], shown["moments"][-1]["counts"]
    names = shown["components"]
    x = [int(name) for name in names] if what == "frequency" else names
    axis = Axis(what) if what == "frequency" else by_name("", names)
    titles = {"power": f"share of all power by {what}", "neurons": f"neurons by dominant {what} of w"}
    return Chart("", axis, Axis(""), {
        title: [Series("trained", x, trained[name], Style(BLUE, "circles")),
                Series("untrained", x, shown["untrained"][name], Style(BLACK, "", "dashed"))]
        for name, title in titles.items()
    }, is_list=what != "frequency")


def course(summary: dict[str, Any]) -> Chart:
    """The growth of the structure over the snapshots: accuracies, shares and phases, losses, norms."""
    found, epochs = summary["course"], summary["course"]["epoch"].tolist()
    panels = {
        "accuracy on test pairs": ("raw test", "interaction test", "dominant test", "dominant+quadratic test"),
        "shares, phase error / π, separation": ("median_share", "ideal_power_share", "phase_error_rms", "separation"),
        "loss": ("restricted_loss", "excluded_loss"),
        "norm": ("norm U", "norm V", "norm W"),
    }
    title = (f"{summary['title']}\nrestricted loss: on test pairs, with the last epoch's dominant components alone; "
             "excluded loss: on training labels, without them")
    return Chart(title, logarithmic("epoch (logarithmic)", epochs), Axis(""), {
        title: [
            Series(words(name), epochs, found[name] / (math.pi if name == "phase_error_rms" else 1), style)
            for name, style in zip(names, STYLES, strict=False) if name in found
        ]
        for title, names in panels.items()
    })


def detectors(summary: dict[str, Any], shown: dict[str, Any]) -> Chart:
    """For every detector, the share of wrong labels that it finds over the share of right labels that it accuses."""
    series = [
        Series(name, found["curve"][0].tolist(), found["curve"][1], style)
        for (name, found), style in zip(shown["detectors"].items(), STYLES, strict=False)
    ]
    right, wrong = Axis("share of the right labels accused"), Axis("share of the wrong labels found")
    chance = Series("chance", [0, 1], [0, 1], CHANCE)
    return Chart(summary["title"], right, wrong, {"": [*series, chance]}, is_square=True)
