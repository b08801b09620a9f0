"""Claims by name: the paper's, and the claims that a Python file defines.

Such a file has `CLAIMS`, a dictionary of claims by name. It may import the files beside it.
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
    """The claims that arguments of `minimod reproduce` stand for, each by the argument for this claim alone.

    An argument is the name of a claim of the paper, "all" for all of the paper's, "FILE.py" for all claims of a file,
    or "FILE.py::NAME". Raises InputError for any other argument, and for a name that comes twice.
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
    file, _, name = argument.partition("::")
    if argument == "all":
        return CLAIMS
    if not file.endswith(".py"):
        if argument not in CLAIMS:
            raise InputError("claim", argument, f"{one_of((*CLAIMS, 'all'), argument)}, or a Python file of claims")
        return {argument: CLAIMS[argument]}
    claims = load_claims(file)
    if argument == file:
        return {f"{file}::{each}": claim for each, claim in claims.items()}
    if name not in claims:
        raise InputError("claim", argument, f"{one_of(claims, name)}, of the claims in {file}")
    return {argument: claims[name]}


def load_claims(file: str) -> dict[str, Claim]:
    """The claims that a Python file defines. Runs the file. Raises InputError if it fails or defines none."""
    spec = importlib.util.spec_from_file_location(file, file)
    assert spec and spec.loader
    module = sys.modules[file] = importlib.util.module_from_spec(spec)      # dataclasses look for their module there
    folder = str(Path(file).absolute().parent)
    sys.path.insert(0, folder)              # as for a script: the file may import the files beside it
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
