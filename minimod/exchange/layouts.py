"""Layouts: the maps of known kinds of files. A layout is taken only if names and shapes fit it exactly.

A file may hold several networks, as a list of states or as epoch -> state. One network is read, never a mixture.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import product, takewhile
from keyword import iskeyword
from shlex import quote

import numpy as np

from minimod.errors import InputError, choice
from minimod.exchange.maps import Arrays, apply_maps, parse_maps, shapes_in_words

# Maps that make a network from matrices. {0}, {1}, ... are the matrices in the order of the layers, each written to the
# right of its input. {P} is the modulus, {d} the width of an embedding. Without V, the input is one-hot a + one-hot b.
PATTERNS = {
    "sum": "U={0}; W={1}", "beside": "U={0}[:{P}]; V={0}[{P}:]; W={1}",
    "inputs": "U={0}; V={1}; W={2}",
    "embedding-sum": "U={0} @ {1}; W={2}", "embedding-beside": "U={0} @ {1}[:{d}]; V={0} @ {1}[{d}:]; W={2}",
    "embeddings-sum": "U={0} @ {2}; V={1} @ {2}; W={3}",
    "embeddings-beside": "U={0} @ {2}[:{d}]; V={1} @ {2}[{d}:]; W={3}",
    "sides": "U={0} @ {2}; V={1} @ {3}; W={4}",
}  # fmt: skip

# Name -> patterns, matrices, biases. Names are without the prefix of all names in the file. A bias may be missing.
LAYOUTS = {
    # Files that minimod writes.
    "minimod": ("inputs", "U V W", "mu"), "minimod-tied": ("sum", "U W", "mu"),
    "pytorch": ("beside", "hidden.weight.T output.weight.T", "output.bias"),
    # Files of the papers on groups, and transformers without attention.
    "groups": ("sum", "W_in.T W_out.T", ""), "embed-unembed": ("sum", "W_E W_U", "b_U"),
    "groups-embedded": ("embedding-sum", "embed.W_E.T mlp.W_in.T mlp.W_out.T", ""),
    # An embedding for a, and another embedding for b.
    "embedded": ("embeddings-sum embeddings-beside", "W_x W_y W W_U", ""),
    "left-right": ("sides", "embedding_left embedding_right linear_left linear_right unembedding", "unembed_bias"),
    "left-right-direct": ("inputs", "embedding_left embedding_right unembedding", "unembed_bias"),
    "left-right-modules": (
        "sides", "embedding_left.weight embedding_right.weight linear_left.weight.T linear_right.weight.T"
        " unembedding.weight.T", "linear_left.bias linear_right.bias unembedding.bias"),
    # Two layers of PyTorch, with weights of shape (outputs, inputs).
    "sequential": ("sum beside", "0.weight.T 2.weight.T", "0.bias 2.bias"),
    "fc1-fc2": ("sum beside", "fc1.weight.T fc2.weight.T", "fc1.bias fc2.bias"),
    "linear1-linear2": ("sum beside", "linear1.weight.T linear2.weight.T", "linear1.bias linear2.bias"),
    # Two layers of Flax and Keras, with kernels of shape (inputs, outputs). Keras 2 writes layers' names twice in HDF5.
    "flax": ("sum beside", "Dense_0.kernel Dense_1.kernel", "Dense_0.bias Dense_1.bias"),
    "keras": ("sum beside", "dense.kernel dense_1.kernel", "dense.bias dense_1.bias"),
    "keras2": ("sum beside", "dense.dense.kernel dense_1.dense_1.kernel", "dense.dense.bias dense_1.dense_1.bias"),
    "keras3": ("sum beside", "dense.vars.0 dense_1.vars.0", "dense.vars.1 dense_1.vars.1"),
}  # fmt: skip

# A square matrix may be transposed. Its name tells this only in files that minimod wrote. Other files need `layout`.
OWN = {"minimod", "minimod-tied", "pytorch"}

# Words in names that mark the first layer, and words that mark the last layer.
FIRST = "w_[exy]|in|inputs?|[lr]?embed|embeddings?|emb|encoder|encode|enc|first|up|read_?in"
LAST = "w_u|out|outputs?|unembed|unembedding|decoder|decode|dec|last|final|down|read_?out|head|logits"

MEANING = "U and V take one-hot a and b to hidden neurons, W takes hidden neurons to labels, hidden_bias is added" \
          " before the activation, no map can express attention"


def find_layout(arrays: Arrays, modulus: int, name: str | None = None) -> tuple[dict[str, str], str]:
    """The maps of the layout that fits a file, and its name. A layout fits if it uses all weights in the right shapes.

    name: the layout to take. It need not use all weights, and whether it fits is not tested here. Raises InputError for
    an unknown name. Without a name, raises InputError unless exactly one layout fits; the message has the arrays, and
    maps to start from.
    """
    state, words = _last_state(arrays)
    names, weights, instance = _weights(state)
    fitting: dict[str, dict[str, str]] = {}
    for layout in [choice("layout", name, LAYOUTS)] if name else LAYOUTS:
        patterns, matrices, biases = LAYOUTS[layout]
        texts = [names.get(each, each) for each in matrices.split()], [names[b] for b in biases.split() if b in names]
        maps, used = _fitting([PATTERNS[each] for each in patterns.split()], *texts, weights, state, modulus)
        if name or (used == len(weights) > 0 and ("V" in maps or "hidden_bias" not in maps)):
            fitting[layout] = maps
    square = any(X.ndim == 2 and X.shape[0] == X.shape[1] for X in weights.values())
    if name or (len(fitting) == 1 and (not square or fitting.keys() <= OWN)):
        (layout, maps), = fitting.items()
        return maps, layout + words + instance
    said = f"the arrays are {in_words(state) or 'none'}{words}{instance}"
    if fitting:
        said += f"; or name the layout: {' or '.join(fitting)}"
    if square:
        said += "; a square matrix may be transposed, try it with and without .T"
    if start := _start(weights, state, modulus):
        options = " ".join(f"--map {quote(f'{role}={text}')}" for role, text in start.items())
        said += f"; to start from, if they are in the order of the layers: {options}"
    raise InputError("map", None, f"given, {shapes_in_words(modulus)}; {MEANING}; {said}")


def _last_state(arrays: Arrays) -> tuple[Arrays, str]:
    """The arrays of one network, and words that say which network it is.

    A list holds states if all of its items have two matrices or more. A dictionary with whole numbers for keys counts
    as a list. One list of states: if the arrays outside of the list are a network, this network is taken, else the last
    state. No list of states, or several: all arrays are returned. With several, no layout fits.
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
    """Short name -> expression, such as "0.weight" or W[0]; expression -> array; and words about the instance.

    A short name is a name without the prefix of all names, and without :0 at its end. It has dots for slashes. The
    short name with .T is a key, too. Instances are networks along a first axis that every array has. A `basis` is left
    out: it is no weight, but a matrix to look at weights with.
    """
    parts = {name: re.split("[./]", name.removesuffix(":0")) for name in arrays}
    same = len([*takewhile(lambda at: len({*at}) == 1, zip(*(part[:-1] for part in parts.values()), strict=False))])
    firsts, ndims = {X.shape[:1] for X in arrays.values()}, {X.ndim for X in arrays.values()}
    n = firsts.pop()[0] if len(firsts) == 1 and ndims in ({2, 3}, {3}) else 0
    names, weights = dict[str, str](), {}
    for name, X in arrays.items():
        if not name.endswith("basis"):
            text = _written(name) + ("[0]" if n else "")
            short = ".".join(parts[name][same:])
            names |= {short: text, f"{short}.T": f"{text}.T"}
            weights[text] = X[0] if n else X
    return names, weights, f", [0] of {n} instances" if n > 1 else ""


def _written(name: str) -> str:
    """The name of an array as a map has it: in quotes, unless it is words with dots."""
    words = re.sub(r"\[\d+\]", "", name).split(".")
    plain = name.isascii() and name[-1:] != "]" and all(word.isidentifier() and not iskeyword(word) for word in words)
    return name if plain else json.dumps(name, ensure_ascii=False)


def _fitting(
    patterns: Iterable[str], matrices: list[str], biases: list[str], weights: Arrays, arrays: Arrays, modulus: int
) -> tuple[dict[str, str], int]:
    """The maps of the first pattern with the right shapes, and how many arrays they use; else the last maps, and 0.

    mu is the last bias of length P. hidden_bias is the sum of the other biases.
    """
    first, maps = weights.get(matrices[0].removesuffix(".T")), dict[str, str]()
    d = 0 if first is None else first.size // modulus
    mu = [bias for bias in biases if weights[bias].shape == (modulus,)][-1:]
    hidden = [bias for bias in biases if bias not in mu]
    for pattern in patterns:
        maps = parse_maps(part.format(*matrices, P=modulus, d=d) for part in pattern.split("; "))
        maps |= {role: " + ".join(texts) for role, texts in (("hidden_bias", hidden), ("mu", mu)) if texts}
        with suppress(InputError):
            return maps, len(apply_maps(maps, arrays, modulus)[1])
    return maps, 0


def _start(weights: Arrays, arrays: Arrays, modulus: int) -> dict[str, str]:
    """Maps to start from: the first maps with the right shapes that use all matrices and biases; {} if there are none.

    The matrices are in the order that names suggest, or in the reverse order. These maps are only shown, for the user
    to judge: other maps may have the right shapes, too.
    """
    ordered = sorted(weights, key=_place)
    matrices = [text for text in ordered if weights[text].ndim == 2]
    lengths = {n for text in matrices for n in weights[text].shape}
    biases = [text for text in ordered if weights[text].ndim == 1 and len(weights[text]) in lengths]
    if len(biases) > len(matrices):             # such as layer norms
        biases = []
    patterns = [each for each in PATTERNS.values() if each.endswith(f"W={{{len(matrices) - 1}}}")]
    for pattern, order in product(patterns, (matrices, matrices[::-1])):
        for turns in product(*((".T", "") if "weight" in text else ("", ".T") for text in order)):
            turned = [text + turn for text, turn in zip(order, turns, strict=True)]
            maps, used = _fitting([pattern], turned, biases, weights, arrays, modulus)
            if used:
                return maps
    return {}


def _place(text: str) -> tuple[int, list[str]]:
    """The place of a layer, as its name suggests: a key to sort by."""
    first, last = (bool(re.search(f"(?<![a-z])(?:{words})(?![a-z])", text, re.IGNORECASE)) for words in (FIRST, LAST))
    return last - first, [number.zfill(9) for number in re.findall(r"\d+", text)]


def in_words(arrays: Arrays) -> str:
    """The names and shapes of at most twelve arrays."""
    return ", ".join([f"{name} {X.shape}" for name, X in arrays.items()][:12]) + (", ..." if len(arrays) > 12 else "")
