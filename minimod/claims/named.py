"""Claims by name: the claims of the paper, and the claims that a Python file defines.

A Python file of claims has `CLAIMS`, a dictionary from name to claim. The file may import the files beside it.
"""

import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from minimod.claims import CLAIMS
from minimod.claims.claim import Claim, name_of
from minimod.engine.device import first_line
from minimod.errors import InputError, one_of


def find_claims(arguments: Iterable[str]) -> dict[str, Claim]:
    """The claims that these arguments of `minimod reproduce` stand for: from the argument of one claim to the claim.

    An argument is the name of a claim of the paper, or "all" for all claims of the paper. For claims of a file, it is
    "FILE.py" (all claims) or "FILE.py::NAME". Raises InputError for any other argument, and if two claims have the same
    name.
    """
    found: dict[str, Claim] = {}
    for argument in arguments:
        names = {name_of(each) for each in found}
        for each, claim in _claims_of(argument).items():
            if name_of(each) in names:
                raise InputError("claim", argument, "new; give each claim once, or all alone")
            found[each] = claim
    return found


def _claims_of(argument: str) -> dict[str, Claim]:
    """The claims that one argument stands for, as in `find_claims`."""
    file = argument.partition("::")[0]
    if file.endswith(".py"):
        claims = {f"{file}::{name}": claim for name, claim in load_claims(file).items()}
        whole, which = file, f"of the claims in {file}"
    else:
        claims, whole, which = CLAIMS, "all", "all, or a Python file of claims"
    if argument == whole:
        return claims
    if argument not in claims:
        raise InputError("claim", argument, f"{one_of(map(name_of, claims), name_of(argument))}, {which}")
    return {argument: claims[argument]}


def load_claims(file: str) -> dict[str, Claim]:
    """The claims that a Python file defines. Runs the file. Raises InputError if the file fails or has no claims."""
    spec = importlib.util.spec_from_file_location(file, file)
    assert spec and spec.loader
    module = sys.modules[file] = importlib.util.module_from_spec(spec)      # dataclasses need it in sys.modules
    folder = str(Path(file).absolute().parent)
    sys.path.insert(0, folder)              # as for a script, so that the file can import the files beside it
    try:
        spec.loader.exec_module(module)
        claims: dict[str, Claim] = module.CLAIMS
        if not claims:
            raise ValueError("CLAIMS is empty")
        for name, claim in claims.items():
            if not isinstance(claim, Claim):
                raise TypeError(f"{name} is no Claim")
            if not re.fullmatch(r"[\w-]+(?<!-full)", name) or name in (*CLAIMS, "all"):
                raise ValueError(f"a claim cannot be named {name}")
    except (Exception, SystemExit) as error:
        allowed = f"a Python file with CLAIMS, claims by name ({type(error).__name__}: {first_line(error)})"
        raise InputError("claim", file, allowed) from error
    finally:
        sys.path.remove(folder)
    return claims
