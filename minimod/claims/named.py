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
    """The claims that an argument stands for, each by the argument for this claim alone."""
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
