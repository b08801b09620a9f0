"""Layouts: the maps of files that are known, each taken only where names and shapes fit it exactly.

A file may hold several networks, as a list of states or as epoch -> state. One of them is read, never a mixture.
"""

import json
import re
from collections.abc import Mapping
from itertools import product, takewhile
from keyword import iskeyword
from shlex import quote

import numpy as np

from minimod.errors import InputError, choice
from minimod.exchange.maps import Arrays, Maps, apply_maps, parse_maps, shapes_in_words

# Name -> maps. <NAME> is an array, without what all names in the file start with; <P> the modulus; <d> the number of
# columns of the first array, an embedding. A bias that a file does not have is left out.
LAYOUTS = {
    # What minimod writes.
    "minimod": "U=<U>; V=<V>; W=<W>; mu=<mu>",
    "minimod-tied": "U=<U>; W=<W>; mu=<mu>",
    "pytorch": "U=<hidden.weight>.T[:<P>]; V=<hidden.weight>.T[<P>:]; W=<output.weight>.T; mu=<output.bias>",
    # One matrix for the sum of one-hot a and b.
    "groups": "U=<W_in>.T; W=<W_out>.T",
    "groups-embedded": "U=<embed.W_E>.T @ <mlp.W_in>.T; W=<mlp.W_out>.T",
    "embed-unembed": "U=<W_E>; W=<W_U>; mu=<b_U>",
    # An embedding for a and one for b; then one hidden layer on both beside each other, on their sum, or one for each.
    "embedded-beside": "U=<W_x> @ <W>[:<d>]; V=<W_y> @ <W>[<d>:]; W=<W_U>",
    "embedded-sum": "U=<W_x> @ <W>; V=<W_y> @ <W>; W=<W_U>",
    "left-right-modules":
        "U=<embedding_left.weight> @ <linear_left.weight>.T; V=<embedding_right.weight> @ <linear_right.weight>.T;"
        " hidden_bias=<linear_left.bias> + <linear_right.bias>; W=<unembedding.weight>.T; mu=<unembedding.bias>",
    "left-right":
        "U=<embedding_left> @ <linear_left>; V=<embedding_right> @ <linear_right>; W=<unembedding>; mu=<unembed_bias>",
    "left-right-direct": "U=<embedding_left>; V=<embedding_right>; W=<unembedding>; mu=<unembed_bias>",
}  # fmt: skip

# Name -> first and second layer, and what their matrices and biases are called. PyTorch's weights are of shape
# (outputs, inputs), the kernels of Flax and Keras (inputs, outputs). Keras 2 writes a layer's name twice into HDF5.
LAYERS = {
    "sequential": ("0", "2", "weight", "bias"), "fc1-fc2": ("fc1", "fc2", "weight", "bias"),
    "linear1-linear2": ("linear1", "linear2", "weight", "bias"), "lin1-lin2": ("lin1", "lin2", "weight", "bias"),
    "layer1-layer2": ("layer1", "layer2", "weight", "bias"), "flax": ("Dense_0", "Dense_1", "kernel", "bias"),
    "keras": ("dense", "dense_1", "kernel", "bias"), "keras2": ("dense.dense", "dense_1.dense_1", "kernel", "bias"),
    "keras3": ("dense", "dense_1", "vars.0", "vars.1"),
}  # fmt: skip

# The input of two layers is one-hot a beside one-hot b; or, tied, the sum of both. The tied layout has no hidden bias.
# A file does not tell whether it is added once, or for a and for b.
for _name, (_first, _second, _matrix, _bias) in LAYERS.items():
    _turn = ".T" if _matrix == "weight" else ""
    _U, _rest = f"<{_first}.{_matrix}>{_turn}", f"W=<{_second}.{_matrix}>{_turn}; mu=<{_second}.{_bias}>"
    LAYOUTS[_name] = f"U={_U}[:<P>]; V={_U}[<P>:]; hidden_bias=<{_first}.{_bias}>; {_rest}"
    LAYOUTS[f"{_name}-tied"] = f"U={_U}; {_rest}"

# Names tell how a square matrix lies only in files that minimod wrote. With other files, `layout` has to be given.
OWN = {"minimod", "minimod-tied", "pytorch"}

# Number of matrices -> maps to start from where no layout fits. {0} is the first matrix, or its transpose.
STARTS = {
    2: ("U={0}; W={1}", "U={0}[:<P>]; V={0}[<P>:]; W={1}"),
    3: ("U={0}; V={1}; W={2}", "U={0} @ {1}; W={2}", "U={0} @ {1}[:<d>]; V={0} @ {1}[<d>:]; W={2}"),
    4: ("U={0} @ {2}; V={1} @ {2}; W={3}", "U={0} @ {2}[:<d>]; V={1} @ {2}[<d>:]; W={3}"),
    5: ("U={0} @ {2}; V={1} @ {3}; W={4}",),
}

# Words in names that tell which layer comes first, and which last.
FIRST = "w_[exy]|in|inputs?|[lr]?embed|embeddings?|emb|encoder|encode|enc|first|up|read_?in"
LAST = "w_u|out|outputs?|unembed|unembedding|decoder|decode|dec|last|final|down|read_?out|head|logits"

PLACE = re.compile("<(.+?)>")
MEANING = "U and V take one-hot a and b to hidden neurons, W these to labels, hidden_bias is inside the activation," \
          " attention is in no map"


def find_layout(arrays: Arrays, modulus: int, name: str | None = None) -> tuple[dict[str, str], str]:
    """The maps of the layout that a file has, and its name: it uses all weights, and all shapes are right.

    name: of the layout, if that is given. Then it need not use all weights, and is not tried. Raises InputError for
    another name; and unless just one layout fits, with the arrays and maps to start from.
    """
    state, words = _last_state(arrays)
    names, weights, instance = _weights(state)
    maps = {layout: _maps(row, names, weights, modulus) for layout, row in LAYOUTS.items()}
    if name:
        return maps[choice("layout", name, LAYOUTS)], name + words + instance
    fitting = [layout for layout in LAYOUTS if _used(maps[layout], state, modulus) == len(weights) > 0]
    square = any(X.ndim == 2 and X.shape[0] == X.shape[1] for X in weights.values())
    if len(fitting) == 1 and (fitting[0] in OWN or not square):
        return maps[fitting[0]], fitting[0] + words + instance
    said = f"the arrays are {in_words(state) or 'none'}{words}{instance}"
    if fitting:
        said += f"; or layout {' or '.join(fitting)} by name"
    if square:
        said += "; a square matrix does not tell how it lies, try it with and without .T"
    if start := _start(weights, state, modulus):
        options = " ".join(f"--map {quote(f'{role}={text}')}" for role, text in start.items())
        said += f"; to start from, if they are in the order of the layers: {options}"
    raise InputError("map", None, f"given, {shapes_in_words(modulus)}; {MEANING}; {said}")


def _last_state(arrays: Arrays) -> tuple[Arrays, str]:
    """The arrays of one network: what is in no list of states, or else the last state of the list; and which it is.

    A list, or a dictionary with whole numbers for keys, holds states if every item of it has two matrices or more. Of
    several lists nothing is taken out, and then no layout fits.
    """
    lists: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    for name, X in arrays.items():
        if match := re.match(r"(.*?)\[(\d{1,18})\]\.", name, re.DOTALL):
            lists.setdefault(match[1], {}).setdefault(int(match[2]), {})[name] = X
    states = {start: items for start, items in lists.items() if all(map(_is_network, items.values()))}
    if len(states) != 1:
        return arrays, ""
    (start, items), = states.items()
    rest = {name: X for name, X in arrays.items() if not name.startswith(f"{start}[")}
    if _is_network(rest):
        return rest, f", beside the {len(items)} states of {start}"
    return items[max(items)], f", of {start}[{max(items)}], the last of {len(items)}"


def _is_network(arrays: Arrays) -> bool:
    return sum(X.ndim > 1 for X in arrays.values()) > 1


def _weights(arrays: Arrays) -> tuple[dict[str, str], dict[str, np.ndarray], str]:
    """Short name -> expression, as "0.weight" or W[0]; expression -> array; and which instance that is of how many.

    A short name lacks what all names start with, has dots for slashes, and no :0 at its end. Instances are networks
    along a first axis that every array has. A `basis` is no weight, but a matrix to look at weights with.
    """
    parts = {name: re.split("[./]", name.removesuffix(":0")) for name in arrays}
    same = len([*takewhile(lambda at: len({*at}) == 1, zip(*(part[:-1] for part in parts.values()), strict=False))])
    firsts, ndims = {X.shape[:1] for X in arrays.values()}, {X.ndim for X in arrays.values()}
    stacked = len(firsts) == 1 and ndims in ({2, 3}, {3})
    names, weights = {}, {}
    for name, X in arrays.items():
        if not name.endswith("basis"):
            text = _written(name) + ("[0]" if stacked else "")
            names[".".join(parts[name][same:])] = text
            weights[text] = X[0] if stacked else X
    n = firsts.pop()[0] if stacked else 1
    return names, weights, f", [0] of {n} instances" if n > 1 else ""


def _written(name: str) -> str:
    """The name of an array as a map has it: in quotes, unless it is words with dots."""
    words = re.sub(r"\[\d+\]", "", name).split(".")
    plain = name.isascii() and all(word.isidentifier() and not iskeyword(word) for word in words)
    return name if plain else json.dumps(name, ensure_ascii=False)


def _maps(row: str, names: Mapping[str, str], weights: Arrays, modulus: int) -> dict[str, str]:
    """The maps of a row, without the biases that a file does not have. names: place in the row -> expression."""
    first = weights.get(names.get(PLACE.findall(row)[0], ""))
    texts = {**names, "P": str(modulus), "d": str(0 if first is None else first.size // modulus)}
    parts = [part for part in row.split("; ") if part[0] in "UVW" or {*PLACE.findall(part)} <= names.keys()]
    return parse_maps(PLACE.sub(lambda place: texts.get(place[1], place[1]), part) for part in parts)


def _used(maps: Maps, arrays: Arrays, modulus: int) -> int:
    """How many arrays maps use, if they fit; else 0."""
    try:
        return len(apply_maps(maps, arrays, modulus)[1])
    except InputError:
        return 0


def _start(weights: Arrays, arrays: Arrays, modulus: int) -> dict[str, str]:
    """The first maps of the right shapes of all matrices and the biases, in the order that names tell or the reverse.

    They are only shown, for the user to judge: other maps may have the right shapes too. {} if there are none.
    """
    ordered = sorted(weights, key=_place)
    matrices = [text for text in ordered if weights[text].ndim == 2]
    lengths = {n for text in matrices for n in weights[text].shape}
    biases = [text for text in ordered if weights[text].ndim == 1 and len(weights[text]) in lengths]
    mu = [text for text in biases if len(weights[text]) == modulus][-1:]
    hidden = [text for text in biases if text not in mu]
    names = {role: " + ".join(texts) for role, texts in (("mu", mu), ("hidden_bias", hidden)) if texts}
    for order, row in product((matrices, matrices[::-1]), STARTS.get(len(matrices), ())):
        names |= {str(place): text for place, text in enumerate(order)}
        for turns in product(*((".T", "") if "weight" in text else ("", ".T") for text in order)):
            places = [f"<{place}>{turn}" for place, turn in enumerate(turns)]
            maps = _maps(row.format(*places) + "; hidden_bias=<hidden_bias>; mu=<mu>", names, weights, modulus)
            if _used(maps, arrays, modulus):
                return maps
    return {}


def _place(text: str) -> tuple[int, list[str]]:
    """What a name tells of its layer's place."""
    first, last = (bool(re.search(f"(?<![a-z])(?:{words})(?![a-z])", text, re.IGNORECASE)) for words in (FIRST, LAST))
    return last - first, [number.zfill(9) for number in re.findall(r"\d+", text)]


def in_words(arrays: Arrays) -> str:
    """The names and shapes of arrays, of twelve at most."""
    return ", ".join([f"{name} {X.shape}" for name, X in arrays.items()][:12] + ["..."] * (len(arrays) > 12))
