"""Networks from elsewhere: which array of a file is U, V, W or μ.

Shapes and names tell it, else the user: a guess would be a network that looks right and answers wrong.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from minimod.errors import InputError, one_of
from minimod.network import TwoLayerNet

Arrays = Mapping[str, np.ndarray]

# embedding: of shape (P, d), tokens as vectors, which input weights of d rows take. bias: (M,), that of hidden neurons.
ROLES = ("U", "V", "W", "mu", "embedding", "bias")

MOST_READINGS = 1000        # with so many ways to read a file none is clear, and more are not looked for

# What `write_network` writes, as it lies there -> its role. Arrays of these names have no other.
OWN = {"U": "U", "V": "V", "W": "W", "mu": "mu", "hidden.weight.T": "U", "output.weight.T": "W", "output.bias": "mu"}

# What the words of other names say: of the first layer, of the second, a bias.
NUMBERED = "(fc|w|b|l|lin|linear|layer)_?"
FIRST = re.compile(rf"(?<![a-z])([wb]?in|inputs?|first|hidden|embed(dings?)?|{NUMBERED}1)(?![a-z0-9])")
SECOND = re.compile(rf"(?<![a-z])([wb]?out|outputs?|last|second|readout|unembed(ding)?|{NUMBERED}2)(?![a-z0-9])")
BIAS = re.compile(r"(?<![a-z])(bias|b|b_?in|b_?out|mu)(?![a-z])")


class Part(NamedTuple):
    """An array that may stand in a role: `array` is that of this name or, if the text is NAME.T, its transpose."""

    name: str
    text: str
    array: np.ndarray


Reading = dict[str, Part]       # role -> what stands in it


def parse_mapping(texts: Iterable[str]) -> dict[str, str]:
    """The mapping of texts such as "U=W_in.T". Raises InputError for another text, and for a role that comes twice."""
    mapping: dict[str, str] = {}
    for text in texts:
        role, _, source = text.partition("=")
        if role not in ROLES or not source or role in mapping:
            raise InputError("map", text, f"ROLE=NAME or ROLE=NAME.T, once for a role, which is {one_of(ROLES, role)}")
        mapping[role] = source
    return mapping


def network_from(
    arrays: Arrays, modulus: int, activation: str, tied: bool = False, mapping: Mapping[str, str] = MappingProxyType({})
) -> tuple[TwoLayerNet, list[str]]:
    """The network that arrays of other projects hold, and lines that say what became of each.

    Input weights are of shape (M, P), and tied if there is one matrix of them; or two matrices; or (M, 2P), U beside V;
    with an embedding, d stands for P. Output weights are (P, M). Either may be transposed. A hidden bias b goes half
    into U and half into V, since φ(U e_a + V e_b + b) is φ((U + b/2) e_a + (V + b/2) e_b): tied stays tied.
    mapping: role -> NAME or NAME.T. The rest is found, but V and an embedding only if U is, or has need of one.
    Raises InputError unless just one reading fits, if it leaves out an array that could be a layer's and there is no
    mapping, if a weight is not finite, and if tied weights differ.
    """
    reading = _reading(arrays, modulus, mapping)
    dtype = np.result_type(np.float32, *[part.array for part in reading.values()])
    with np.errstate(all="ignore"):                 # what overflows is refused below
        parts = _input_weights(reading, modulus) | {role: reading[role] for role in ("W", "mu") if role in reading}
        weights = {role: np.array(part.array, dtype, order="C") for role, part in parts.items()}
    for role, array in weights.items():
        if not np.isfinite(array).all():
            raise InputError(role, parts[role].text, "finite in every number")
    U, V = weights["U"], weights.get("V", weights["U"])
    equal = U.tobytes() == V.tobytes()
    if tied and not equal:
        raise InputError("tied", tied, f"False: {parts['U'].text} and {parts['V'].text} differ")
    mu = weights.get("mu", np.zeros(modulus, dtype))
    used = {part.name for part in reading.values()}
    left = {name: array for name, array in arrays.items() if name not in used and array.ndim in (1, 2)}
    fitting = {name: X for name, X in left.items() if {len(mu), U.shape[1]} & set(X.shape)}
    if fitting and not mapping:
        given = " ".join(f"{role}={part.text}" for role, part in reading.items())
        raise InputError("map", None, f"given ({given}), if these are no part of the network: {_in_words(fitting)}")
    lines = [f"{role} = {part.text}, of shape {part.array.shape}" for role, part in parts.items()]
    lines += ["V is U: the network is tied"] * equal + ["mu is 0: no bias"] * ("mu" not in reading)
    lines += [f"all are {dtype}", f"the activation is {activation}, which no file tells"]
    if not mapping and U.shape[1] != modulus and any(islice(_readings(arrays, U.shape[1], {}), 1)):
        lines.append(f"transposed, they would fit modulus {U.shape[1]} and width {modulus} too")
    lines += [f"not used: {_in_words(left)}"] * bool(left)
    return TwoLayerNet(U, U if equal else V, weights["W"], mu, activation, "mu" in reading), lines


def _input_weights(reading: Reading, P: int) -> Reading:
    """U, and V where there is one, of shape (P, M), each with its formula as text; float64 where it was computed."""
    embedding, bias = reading.get("embedding"), reading.get("bias")
    D = embedding.array.shape[1] if embedding else P
    parts: Reading = {role: reading[role] for role in ("U", "V") if role in reading}
    name, text, X = parts["U"]
    if len(X) == 2 * D:
        parts = {"U": Part(name, f"{text}[:{D}]", X[:D]), "V": Part(name, f"{text}[{D}:]", X[D:])}
    for role, (name, text, X) in parts.items():
        if embedding:
            text, X = f"{embedding.text} @ {text}", embedding.array.astype(float) @ X.astype(float)
        if bias:
            text, X = f"{text} + {bias.text} / 2", X.astype(float) + bias.array.astype(float) / 2
        parts[role] = Part(name, text, X)
    return parts


def _reading(arrays: Arrays, P: int, mapping: Mapping[str, str]) -> Reading:
    """What stands in every role. Raises InputError, which lists the arrays, unless one way to read them is left."""
    for role, text in mapping.items():
        if role not in ROLES:
            raise InputError("map", f"{role}={text}", f"of a role, {one_of(ROLES, role)}")
    given, listed = _as_mapping(mapping) or None, f"the arrays are {_in_words(arrays) or 'none'}"
    biases = {role: _candidates(arrays, role, mapping) for role in ("mu", "bias")}
    readings = _clearest(list(islice(_readings(arrays, P, mapping), MOST_READINGS)))
    if not readings:
        shapes = f"U is of shape ({P}, M) or ({2 * P}, M), with an embedding ({P}, d) of (d, M) or (2d, M), V as U"
        raise InputError("map", given, f"such that {shapes}, and W is (M, {P}); {listed}")
    if len(readings) > 1:
        ways = [_as_mapping({role: part.text for role, part in each.items()}) for each in readings]
        raise InputError("map", given, f"{' or '.join(ways[:4])}{', or another' * (len(ways) > 4)}; {listed}")
    lengths = {"mu": P, "bias": readings[0]["U"].array.shape[1]}
    biases = {role: [part for part in parts if len(part.array) == lengths[role]] for role, parts in biases.items()}
    either = {part.name for part in biases["mu"]} & {part.name for part in biases["bias"]}
    if either or any(len(parts) != 1 for role, parts in biases.items() if parts or role in mapping):
        shapes = f"mu, the bias of the output, is of shape ({P},), and bias, the hidden one, of ({lengths['bias']},)"
        raise InputError("map", given, f"such that {shapes}; {listed}")
    return readings[0] | {role: parts[0] for role, parts in biases.items() if parts}


def _clearest(readings: list[Reading]) -> list[Reading]:
    """The one in PyTorch's layout, (out, in): it tells which matrix is which, not how a square one lies. Else all."""
    linear = [each for each in readings
              if all(part.text.endswith(".T") != (role == "embedding") for role, part in each.items())]
    names = [[part.name for part in each.values()] for each in readings]
    clear = len(linear) == 1 and names.count([part.name for part in linear[0].values()]) == 1
    return linear if clear else readings


def _readings(arrays: Arrays, P: int, mapping: Mapping[str, str]) -> Iterator[Reading]:
    """Every way to read arrays as [embedding,] U [, V] and W that shapes, names and the mapping allow."""
    roles = {role: _candidates(arrays, role, mapping) for role in ("embedding", "U", "V", "W")}
    embeddings: list[Reading] = [{"embedding": part} for part in roles["embedding"] if len(part.array) == P]
    if "embedding" not in mapping:
        known = [part for part in roles["U"] if part.text in ("U", mapping.get("U"))]
        needless = any(len(part.array) in (P, 2 * P) for part in known)
        embeddings = [{}] + embeddings * (not needless)
    if "U" in mapping and "V" not in mapping:
        roles["V"] = []
    outputs = [part for part in roles["W"] if part.array.shape[1] == P]
    for embedding, U, W in product(embeddings, roles["U"], outputs):
        D = embedding["embedding"].array.shape[1] if embedding else P
        rows, M = U.array.shape
        if rows not in (D, 2 * D) or len(W.array) != M:
            continue
        alike = [V for V in roles["V"] if V.array.shape == U.array.shape == (D, M) and V.name != W.name]
        pairs: list[Reading] = [{"V": V} for V in alike if "V" in mapping or _follows(U, V)]
        tied: list[Reading] = [{}] * ("V" not in mapping and not any(_follows(V, U) for V in alike))
        for V in pairs or tied:
            reading = embedding | {"U": U} | V | {"W": W}
            found = [part.name for role, part in reading.items() if role not in mapping]
            if len(set(found)) == len(found):
                yield reading


def _candidates(arrays: Arrays, role: str, mapping: Mapping[str, str]) -> list[Part]:
    """What may stand in a role: what the mapping says; else our own; else what says to be of that layer; else the rest.

    "embed" says less: an embedding may be the input weights or come before them.
    """
    ndim = 1 if role in ("mu", "bias") else 2
    there = {name: X for name, X in arrays.items() if X.ndim == ndim and X.size}
    parts = [Part(name, name + turn, X.T if turn else X) for name, X in there.items() for turn in ("", ".T")[:ndim]]
    if role not in mapping:
        taken = {text.removesuffix(".T") for text in mapping.values()}
        left = [part for part in parts if part.name not in taken and _may_be(role, part)]
        own = [part for part in left if part.text == role in OWN]
        layer = {"U": FIRST, "V": FIRST, "W": SECOND}.get(role)
        said = [part for part in left if layer and layer.search(part.name.lower()) and "embed" not in part.name.lower()]
        return own or said or left
    text = mapping[role]
    if text not in [part.text for part in parts]:
        raise InputError("map", f"{role}={text}", f"of an array, {one_of(there, text.removesuffix('.T'))}")
    return [part for part in parts if part.text == text][:1]


def _may_be(role: str, part: Part) -> bool:
    """Whether a name allows a role: it says that it is of that layer, or nothing, or both. A bias has to say so."""
    if {part.name, f"{part.name}.T"} & OWN.keys():
        return OWN.get(part.text) == role
    first, second, bias = (pattern.search(part.name.lower()) is not None for pattern in (FIRST, SECOND, BIAS))
    return (first == second or second == (role in ("W", "mu"))) and (bias or part.array.ndim == 2)


def _follows(first: Part, second: Part) -> bool:
    """Whether two names are alike but for one letter or digit, and that is the next: W_a and W_b, fc1 and fc2."""
    steps = [ord(y) - ord(x) for x, y in zip(first.text, second.text, strict=False) if x != y]
    return len(first.text) == len(second.text) and steps == [1]


def _as_mapping(texts: Mapping[str, str]) -> str:
    return " ".join(f"{role}={text}" for role, text in texts.items())


def _in_words(arrays: Arrays) -> str:
    return ", ".join([f"{name} {array.shape}" for name, array in arrays.items()][:12] + ["..."] * (len(arrays) > 12))
