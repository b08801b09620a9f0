"""Maps: what U, V, W and the biases are, as expressions over the arrays of a file.

    U=W_x @ W      V=W_y @ W      W=W_U.T      U=fc1.weight.T[:113]      mu="2.bias"      hidden_bias=b[0] + c

An expression has names of arrays, `@`, `+`, `.T`, and indices of integers and slices, with NumPy's meaning. A name may
have dots, and the index of a list or an epoch: state_dicts[-1].W is in the last state. Any other name stands in quotes.
Python's parser reads the text. No part of it is ever run as code.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Mapping
from math import prod
from operator import index
from typing import Any

import numpy as np

from minimod.engine.device import first_line
from minimod.errors import InputError, one_of
from minimod.runs.files import MAX_NUMBERS_BYTES

Arrays = Mapping[str, np.ndarray]
Maps = Mapping[str, str]        # role -> expression

ROLES = ("U", "V", "W", "mu", "hidden_bias")
LONGEST = 300                               # letters of an expression; this also bounds its depth
LARGEST = MAX_NUMBERS_BYTES // 8            # numbers in a sum or a product
ALLOWED = 'of names of arrays ("in quotes", unless it is words with dots), @, +, .T, and indices of integers and slices'


def parse_maps(texts: Iterable[str]) -> dict[str, str]:
    """The maps of texts such as "U=W_in.T". Raises InputError for another text, and for a role that comes twice."""
    maps: dict[str, str] = {}
    for text in texts:
        role, _, expression = (part.strip() for part in text.partition("="))
        if role not in ROLES or not expression or role in maps:
            raise InputError("map", text, f"ROLE=EXPRESSION, once for each role, which is {one_of(ROLES, role)}")
        maps[role] = expression
    return maps


def apply_maps(maps: Maps, arrays: Arrays, modulus: int) -> tuple[dict[str, np.ndarray], set[str]]:
    """The array of every role, in float64, and the names of all arrays that the maps use.

    U and V are of shape (P, M), W (M, P), mu (P,), hidden_bias (M,). Raises InputError for an unknown role, for missing
    U or W, and for a wrong shape. It also raises InputError for an expression that cannot be computed.
    """
    if not {"U", "W"} <= maps.keys() <= {*ROLES}:
        raise InputError("map", " ".join(maps), f"given for U and W, and for no other roles than {', '.join(ROLES)}")
    values, used = dict[str, np.ndarray](), set[str]()
    for role, text in maps.items():
        try:
            if len(text) > LONGEST:
                raise ValueError(f"it has more than {LONGEST} letters")
            with warnings.catch_warnings(action="ignore"):
                values[role] = _value(ast.parse(text.strip(), role, "eval").body, arrays, used)
        except (SyntaxError, ValueError, TypeError, IndexError, RecursionError) as error:
            raise InputError("map", f"{role}={text}", f"{ALLOWED} ({first_line(error)})") from error
    P, M = modulus, values["U"].shape[-1] if values["U"].ndim else 0
    shapes = {"U": (P, M), "V": (P, M), "W": (M, P), "mu": (P,), "hidden_bias": (M,)}
    for role, X in values.items():
        if X.shape != shapes[role] or not M:
            raise InputError("map", f"{role}={maps[role]}, of shape {X.shape}", shapes_in_words(P))
    return values, used


def shapes_in_words(modulus: int) -> str:
    """The shapes of the roles, in words."""
    return f"such that U is of shape ({modulus}, M), V as U, W (M, {modulus}), mu ({modulus},), hidden_bias (M,)"


def _value(node: ast.expr, arrays: Arrays, used: set[str]) -> np.ndarray:
    """The value of an expression, in float64. Adds the names of its arrays to `used`. Raises what Python raises."""
    name = _found(str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node), arrays)
    match node:
        case ast.Name() | ast.Attribute() | ast.Constant() if name in arrays:
            used.add(name)
            return arrays[name].astype(float)
        case ast.Attribute(value=inner, attr="T"):
            return _value(inner, arrays, used).T
        case ast.Subscript(value=inner, slice=at):
            parts = at.elts if isinstance(at, ast.Tuple) else [at]
            return np.asarray(_value(inner, arrays, used)[tuple(map(_index, parts))])
        case ast.BinOp(left=first, op=ast.Add() | ast.MatMult() as operation, right=second):
            X, Y = _value(first, arrays, used), _value(second, arrays, used)
            if isinstance(operation, ast.Add):
                shape = np.broadcast_shapes(X.shape, Y.shape)
            elif max(X.ndim, Y.ndim) > 2 or X.shape[-1:] != Y.shape[:1]:
                raise ValueError(f"shapes {X.shape} and {Y.shape} do not multiply")
            else:
                shape = X.shape[:-1] + Y.shape[1:]
            if prod(shape) > LARGEST:
                raise ValueError(f"shape {shape} has more than {LARGEST} numbers")
            return np.asarray(X + Y if isinstance(operation, ast.Add) else X @ Y)
    raise ValueError(f"{name} is no array of floats in the file, {one_of(arrays, name)}")


def _found(name: str, arrays: Arrays) -> str:
    """The name of an array, with an index from the end, as in state_dicts[-1].W, replaced by the real index."""
    if match := re.fullmatch(r"(.*?)\[-([1-9]\d*)\](.*)", name, re.DOTALL):
        start, back, rest = match.groups()
        item = re.compile(re.escape(start) + r"\[(\d+)\]")
        numbers = sorted({int(found[1]) for other in arrays if (found := item.match(other))})
        if int(back) <= len(numbers):
            return f"{start}[{numbers[-int(back)]}]{rest}"
    return name


def _index(node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        return slice(*(end and _index(end) for end in (node.lower, node.upper, node.step)))
    return index(ast.literal_eval(node))
