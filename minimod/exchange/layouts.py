"""Layouts: the maps of files that are known, each taken only where names and shapes fit it exactly.

A file may hold several networks, as a list of states or as epoch -> state. One of them is read, never a mixture.
"""

import json
import re
from collections import defaultdict
from itertools import product, takewhile
from keyword import iskeyword
from math import prod
from shlex import quote
from typing import NamedTuple

from minimod.errors import InputError, choice
from minimod.exchange.maps import Arrays, apply_maps, parse_maps, shapes_in_words

# Name -> maps. {NAME} is an array, without what all names in the file start with; {P} the modulus; {d} the number of
# columns of U's first array. A bias that a file does not have is left out, and so is `aside`, which is no weight.
LAYOUTS = {
    # What minimod writes.
    "minimod": {"U": "{U}", "V": "{V}", "W": "{W}", "mu": "{mu}"},
    "minimod-tied": {"U": "{U}", "W": "{W}", "mu": "{mu}"},
    "pytorch": {"U": "{hidden.weight}.T[:{P}]", "V": "{hidden.weight}.T[{P}:]", "W": "{output.weight}.T",
                "mu": "{output.bias}"},
    # One matrix for the sum of one-hot a and b. `basis` is a matrix to look at the weights with.
    "groups": {"U": "{W_in}.T", "W": "{W_out}.T", "aside": "basis"},
    "groups-embedded": {"U": "{embed.W_E}.T @ {mlp.W_in}.T", "W": "{mlp.W_out}.T", "aside": "mlp.basis"},
    "embed-unembed": {"U": "{W_E}", "W": "{W_U}", "mu": "{b_U}"},
    # One matrix for a and one for b, all of shape (M, P).
    "two-inputs": {"U": "{U}.T", "V": "{V}.T", "W": "{W}"},
    # An embedding for a and one for b; then one hidden layer on both beside each other, on their sum, or one for each.
    "embedded-beside": {"U": "{W_x} @ {W}[:{d}]", "V": "{W_y} @ {W}[{d}:]", "W": "{W_U}"},
    "embedded-sum": {"U": "{W_x} @ {W}", "V": "{W_y} @ {W}", "W": "{W_U}"},
    "left-right-beside": {
        "U": "{embedding_left.weight} @ {linear.weight}.T[:{d}]",
        "V": "{embedding_right.weight} @ {linear.weight}.T[{d}:]", "hidden_bias": "{linear.bias}",
        "W": "{unembedding.weight}.T", "mu": "{unembedding.bias}"},
    "left-right-modules": {
        "U": "{embedding_left.weight} @ {linear_left.weight}.T",
        "V": "{embedding_right.weight} @ {linear_right.weight}.T",
        "hidden_bias": "{linear_left.bias} + {linear_right.bias}",
        "W": "{unembedding.weight}.T", "mu": "{unembedding.bias}"},
    "left-right": {"U": "{embedding_left} @ {linear_left}", "V": "{embedding_right} @ {linear_right}",
                   "W": "{unembedding}", "mu": "{unembed_bias}"},
    "left-right-sum": {"U": "{embedding_left} @ {linear}", "V": "{embedding_right} @ {linear}",
                       "W": "{unembedding}", "mu": "{unembed_bias}"},
    "left-right-direct": {"U": "{embedding_left}", "V": "{embedding_right}", "W": "{unembedding}",
                          "mu": "{unembed_bias}"},
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


def _two_layers(name: str, first: str, second: str, matrix: str, bias: str) -> dict[str, dict[str, str]]:
    """The layouts of two layers. Their input is one-hot a beside one-hot b; or, tied, the sum of both.

    The tied layout has no hidden bias. A file does not tell whether it is added once, or for a and for b.
    """
    turn = ".T" if matrix == "weight" else ""
    U, last = f"{{{first}.{matrix}}}{turn}", {"W": f"{{{second}.{matrix}}}{turn}", "mu": f"{{{second}.{bias}}}"}
    beside = {"U": U + "[:{P}]", "V": U + "[{P}:]", "hidden_bias": f"{{{first}.{bias}}}"}
    return {name: beside | last, f"{name}-tied": {"U": U} | last}


for _name, _layers in LAYERS.items():
    LAYOUTS |= _two_layers(_name, *_layers)

# Names tell how a square matrix lies only in files that minimod wrote. With other files, `layout` has to be given.
OWN = ("minimod", "minimod-tied", "pytorch")

# Number of matrices -> maps to start from where no layout fits. {0} is the first matrix, or its transpose, and {d} the
# length of its rows, if it is an embedding.
STARTS = {
    2: ("U={0};W={1}", "U={0}[:{P}];V={0}[{P}:];W={1}"),
    3: ("U={0};V={1};W={2}", "U={0} @ {1};W={2}", "U={0} @ {1}[:{d}];V={0} @ {1}[{d}:];W={2}"),
    4: ("U={0} @ {2};V={1} @ {2};W={3}", "U={0} @ {2}[:{d}];V={1} @ {2}[{d}:];W={3}"),
    5: ("U={0} @ {2};V={1} @ {3};W={4}",),
}

# Words in names that tell which layer comes first, and which last.
FIRST, LAST = (
    re.compile(f"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE) for words in (
        "w_[exy]|in|inputs?|[lr]?embed|embeddings?|emb|encoder|encode|enc|first|up|read_?in",
        "w_u|out|outputs?|unembed|unembedding|decoder|decode|dec|last|final|down|read_?out|head|logits")
)  # fmt: skip
PLACE = re.compile(r"\{(.+?)\}")


class State(NamedTuple):
    """One network of a file.

    names: short name -> name in the file, of all its arrays. A short name lacks what all names start with, has dots
    for slashes, and no :0 at its end. words: which network it is of how many. instances: how many networks lie along a
    first axis that every array has; 0 without this axis.
    """

    names: dict[str, str]
    words: str
    instances: int


def find_layout(arrays: Arrays, modulus: int, name: str | None = None) -> tuple[dict[str, str], str]:
    """The maps of the layout that a file has, and its name: it uses all arrays, and all shapes are right.

    name: of the layout, if that is given. Then it need not use all arrays. Raises InputError for another name; and
    unless just one layout fits, with the arrays and maps to start from.
    """
    states, fitting = _states(arrays), []
    for state, layout in product(states, [choice("layout", name, LAYOUTS)] if name else LAYOUTS):
        maps, aside = _layout_maps(layout, state, arrays, modulus)
        used = _uses(maps, arrays, modulus)
        if used and (name or (used | aside == {*state.names.values()} and state.instances < 2)):
            fitting.append((layout, state, maps, used))
    if name and not fitting:
        return _layout_maps(name, states[0], arrays, modulus)[0], name      # apply_maps says what is wrong with them
    fitting = [fit for fit in fitting if fit[1] is states[0]] or fitting
    fitting = [fit for fit in fitting if fit[0] in OWN] or fitting
    state = fitting[0][1] if fitting else max(states, key=lambda state: len(_matrices(state, arrays)) > 1)
    weights = fitting[0][3] if fitting else state.names.values()
    square = any(arrays[raw].ndim > 1 and len({*arrays[raw].shape[-2:]}) == 1 for raw in weights)
    if name or (len(fitting) == 1 and (fitting[0][0] in OWN or not square)):
        return fitting[0][2], fitting[0][0] + state.words
    by_name = f"; or layout {' or '.join(fit[0] for fit in fitting)} by name" if fitting else ""
    raise InputError("map", None, _allowed(state, arrays, modulus, by_name, square))


def _allowed(state: State, arrays: Arrays, modulus: int, by_name: str, square: bool) -> str:
    """What must be given for a file that no layout fits: shapes, its arrays, and maps to start from."""
    its = {raw: arrays[raw] for raw in state.names.values()}
    text = f"given, {shapes_in_words(modulus)}; U and V take one-hot a and b to hidden neurons, W these to labels," \
           f" hidden_bias is inside the activation; the arrays are {in_words(its) or 'none'}{state.words}{by_name}"
    if square:
        text += "; a square matrix does not tell how it lies, try it with and without .T"
    if state.instances > 1:
        text += f"; [0] is one of {state.instances} instances"
    if any(re.search("attn|attention|W_Q", raw) for raw in its):
        text += "; attention is in no map"
    starts = starting_maps(state, arrays, modulus)
    for start in starts[1:]:
        text += "; for another order: " + ", ".join(f"{role}={maps}" for role, maps in start.items())
    for start in starts[:1]:
        options = " ".join(f"--map {quote(f'{role}={maps}')}" for role, maps in start.items())
        text += f"; to start from, if they are in the order of the layers: {options}"
    return text


def _states(arrays: Arrays) -> list[State]:
    """What a file holds: first what is in no list of states, then the last state of every list.

    A list, or a dictionary with whole numbers for keys, holds states if every item of it has two matrices or more.
    """
    lists: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in arrays:
        if match := re.match(r"(.*?)\[(\d+)\]\.", name, re.DOTALL):
            lists[match[1]][int(match[2])].append(name)
    lists = {start: items for start, items in lists.items()
             if all(sum(arrays[name].ndim > 1 for name in names) > 1 for names in items.values())}
    rest = {*arrays} - {name for items in lists.values() for names in items.values() for name in names}
    beside = "".join(f", beside the {len(items)} states of {start}" for start, items in lists.items())
    states = [_state([name for name in arrays if name in rest], beside, arrays)]
    for start, items in lists.items():
        last = max(items)
        states.append(_state(items[last], f", of {start}[{last}], the last of {len(items)}", arrays))
    return states


def _state(names: list[str], words: str, arrays: Arrays) -> State:
    """The state that has these arrays."""
    parts = [re.split(r"[./]", name.removesuffix(":0")) for name in names]
    same = len([*takewhile(lambda each: len({*each}) == 1, zip(*(part[:-1] for part in parts), strict=False))])
    lengths, ndims = {arrays[name].shape[:1] for name in names}, {arrays[name].ndim for name in names}
    instances = lengths.pop()[0] if ndims in ({2, 3}, {3}) and len(lengths) == 1 else 0
    short = [".".join(part[same:]) for part in parts]
    return State(dict(zip(short if len({*short}) == len(names) else names, names, strict=True)), words, instances)


def _matrices(state: State, arrays: Arrays) -> list[str]:
    """The names of a state's matrices in the order of the layers, so far as names tell it."""
    return sorted((raw for raw in state.names.values() if arrays[raw].ndim == 2 + bool(state.instances)), key=_place)


def _place(raw: str) -> tuple[int, list[int]]:
    """What a name tells of its layer's place."""
    return bool(LAST.search(raw)) - bool(FIRST.search(raw)), [int(number) for number in re.findall(r"\d+", raw)]


def _layout_maps(name: str, state: State, arrays: Arrays, modulus: int) -> tuple[dict[str, str], set[str]]:
    """The maps of a layout, for the biases that a state has; and the name of what the layout leaves aside."""
    row = dict(LAYOUTS[name])
    aside = {state.names.get(row.pop("aside", ""), "")} & arrays.keys()
    first = arrays.get(state.names.get(PLACE.findall(row["U"])[0], ""))
    numbers = {"P": str(modulus), "d": str(first.shape[-1] if first is not None and first.ndim else 0)}

    def text(place: re.Match[str]) -> str:
        return numbers.get(place[1]) or _written(state.names.get(place[1], place[1]), state)
    return {role: PLACE.sub(text, maps) for role, maps in row.items()
            if role not in ("mu", "hidden_bias") or {*PLACE.findall(maps)} <= state.names.keys()}, aside


def _uses(maps: dict[str, str], arrays: Arrays, modulus: int) -> set[str]:
    """The names of the arrays that maps use, if they fit; else none."""
    try:
        return apply_maps(maps, arrays, modulus)[1]
    except InputError:
        return set()


def starting_maps(state: State, arrays: Arrays, modulus: int) -> list[dict[str, str]]:
    """Maps of the right shapes that use all matrices in their order, and the biases; [] if there are none.

    They are only shown, for the user to judge: other maps may have the right shapes too. Where there are two matrices
    and their names do not tell which comes first, the other order follows.
    """
    matrices = _matrices(state, arrays)
    orders = [matrices]
    if len(matrices) == 2 and _place(matrices[0]) == _place(matrices[1]):
        orders.append(matrices[::-1])
    return [maps for order in orders if (maps := _start(order, state, arrays, modulus))]


def _start(matrices: list[str], state: State, arrays: Arrays, modulus: int) -> dict[str, str]:
    """The first maps that fit, of matrices in this order; {} if none do."""
    names = [_written(raw, state) for raw in matrices]
    vectors = [_written(raw, state) for raw in state.names.values() if arrays[raw].ndim == 1 + bool(state.instances)]
    d = prod(arrays[matrices[0]].shape[-2:]) // modulus if matrices else 0
    for start in STARTS.get(len(matrices), ()):
        for turns in product(*((".T", "") if raw.endswith("weight") else ("", ".T") for raw in matrices)):
            texts = [name + turn for name, turn in zip(names, turns, strict=True)]
            maps = parse_maps(part.format(*texts, P=modulus, d=d) for part in start.split(";"))
            if not _uses(maps, arrays, modulus):
                continue
            for bias in vectors:
                roles = [role for role in ("hidden_bias", "mu") if _uses(maps | {role: bias}, arrays, modulus)]
                for role in sorted(roles, key=maps.__contains__)[:1]:
                    maps[role] = f"{maps[role]} + {bias}" if role in maps else bias
            return maps
    return {}


def _written(raw: str, state: State) -> str:
    """An array as a map has it: its name, in quotes unless it is words with dots, and the index of an instance."""
    words = re.sub(r"\[\d+\]", "", raw).split(".")
    plain = raw.isascii() and all(word.isidentifier() and not iskeyword(word) for word in words)
    return (raw if plain else json.dumps(raw, ensure_ascii=False)) + "[0]" * bool(state.instances)


def in_words(arrays: Arrays) -> str:
    """The names and shapes of arrays, of twelve at most."""
    return ", ".join([f"{name} {X.shape}" for name, X in arrays.items()][:12] + ["..."] * (len(arrays) > 12))
