"""Layouts: the maps of files that are known, each taken only where names and shapes fit it exactly."""

import json
from itertools import product
from keyword import iskeyword
from shlex import quote

from minimod.errors import InputError, choice
from minimod.exchange.maps import Arrays, apply_maps, parse_maps, shapes_in_words

# Name -> maps; {P} stands for the modulus. A bias that a file does not have is left out.
LAYOUTS = {
    # What minimod writes.
    "minimod": {"U": "U", "V": "V", "W": "W", "mu": "mu"},
    "minimod-tied": {"U": "U", "W": "W", "mu": "mu"},
    "pytorch": {"U": "hidden.weight.T[:{P}]", "V": "hidden.weight.T[{P}:]", "W": "output.weight.T",
                "mu": "output.bias"},
    # The group papers' final.pth: W_in of shape (d_mlp, P), for the sum of one-hot a and b, and W_out (P, d_mlp).
    "groups": {"U": "W_in.T", "W": "W_out.T"},
    # torch.nn.Sequential(Linear(2P, M), φ, Linear(M, P)) on one-hot a beside one-hot b; the same, as two named layers.
    "sequential": {"U": '"0.weight".T[:{P}]', "V": '"0.weight".T[{P}:]', "W": '"2.weight".T', "mu": '"2.bias"',
                   "hidden_bias": '"0.bias"'},
    "fc1-fc2": {"U": "fc1.weight.T[:{P}]", "V": "fc1.weight.T[{P}:]", "W": "fc2.weight.T", "mu": "fc2.bias",
                "hidden_bias": "fc1.bias"},
}

# Names tell how a square matrix lies only in files that minimod wrote. With other files, `layout` has to be given.
OWN = ("minimod", "minimod-tied", "pytorch")

# Number of matrices -> maps to start from where no layout fits. {0} is the file's first matrix, or its transpose, and
# {d} the length of its rows, if it is an embedding.
STARTS = {
    2: ("U={0};W={1}", "U={0}[:{P}];V={0}[{P}:];W={1}"),
    3: ("U={0};V={1};W={2}", "U={0} @ {1};W={2}", "U={0} @ {1}[:{d}];V={0} @ {1}[{d}:];W={2}"),
    4: ("U={0} @ {2};V={1} @ {2};W={3}",), 5: ("U={0} @ {2};V={1} @ {3};W={4}",),
}


def layout_maps(name: str, arrays: Arrays, modulus: int) -> dict[str, str]:
    """The maps of a layout, for the biases that there are. Raises InputError for another name."""
    maps = {role: text.format(P=modulus) for role, text in LAYOUTS[choice("layout", name, LAYOUTS)].items()}
    return {role: text for role, text in maps.items() if role not in ("mu", "hidden_bias") or text.strip('"') in arrays}


def find_layout(arrays: Arrays, modulus: int) -> str:
    """The name of the layout that arrays have: it uses all of them, and all shapes are right for this modulus.

    Raises InputError, which lists the arrays and shows maps to start from, unless just one layout fits.
    """
    fitting = [name for name in LAYOUTS if _uses(layout_maps(name, arrays, modulus), arrays, modulus) == arrays.keys()]
    square = any(X.ndim == 2 and len(X) == X.shape[1] for X in arrays.values())
    if len(fitting) == 1 and (fitting[0] in OWN or not square):
        return fitting[0]
    allowed = f"given, {shapes_in_words(modulus)}; the arrays are {in_words(arrays) or 'none'}"
    if fitting:
        allowed += f"; or layout {' or '.join(fitting)} by name, since a square matrix does not tell how it lies"
    if start := starting_maps(arrays, modulus):
        options = " ".join(f"--map {quote(f'{role}={text}')}" for role, text in start.items())
        allowed += f"; to start from, if they are in the order of the layers: {options}"
    raise InputError("map", None, allowed)


def _uses(maps: dict[str, str], arrays: Arrays, modulus: int) -> set[str]:
    """The names of the arrays that maps use, if they fit; else none."""
    try:
        return apply_maps(maps, arrays, modulus)[1]
    except InputError:
        return set()


def starting_maps(arrays: Arrays, modulus: int) -> dict[str, str]:
    """Maps of the right shapes that use all matrices in their order, and the biases; {} if there are none.

    They are only shown, for the user to judge: other maps may have the right shapes too.
    """
    matrices, vectors = ([_written(name) for name, X in arrays.items() if X.ndim == ndim] for ndim in (2, 1))
    d = next((X.size for X in arrays.values() if X.ndim == 2), 0) // modulus
    for start in STARTS.get(len(matrices), ()):
        for turns in product(("", ".T"), repeat=len(matrices)):
            texts = [name + turn for name, turn in zip(matrices, turns, strict=True)]
            maps = parse_maps(start.format(*texts, P=modulus, d=d).split(";"))
            if not _uses(maps, arrays, modulus):
                continue
            for bias, role in product(vectors, ("hidden_bias", "mu")):
                if role not in maps and bias not in maps.values() and _uses(maps | {role: bias}, arrays, modulus):
                    maps[role] = bias
            return maps
    return {}


def _written(name: str) -> str:
    """The name of an array as a map has it: in quotes, unless it is words with dots."""
    plain = name.isascii() and all(word.isidentifier() and not iskeyword(word) for word in name.split("."))
    return name if plain else json.dumps(name, ensure_ascii=False)


def in_words(arrays: Arrays) -> str:
    """The names and shapes of arrays, of twelve at most."""
    return ", ".join([f"{name} {X.shape}" for name, X in arrays.items()][:12] + ["..."] * (len(arrays) > 12))
