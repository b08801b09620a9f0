"""Arrays in other projects' files: .npz, .safetensors, PyTorch's .pth, .pt, .ckpt. No file is trusted, see files.py."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any
from zipfile import ZipFile

import numpy as np

from minimod.arrays import to_host
from minimod.engine.device import first_line
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.runs.files import MAX_NUMBERS_BYTES, DamagedFileError, as_path, open_regular, read_npz, whole_file

# The name of a type in safetensors -> its name in NumPy.
SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?"}
SAFETENSORS |= {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)}


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """Name -> array of a file. Half precision becomes float32, and integers become float64.

    A single integer, such as a count of steps, is left out. An array without real numbers becomes nan, so that no map
    can use it. In PyTorch's files, dictionaries in dictionaries give dotted names. An optimiser's dictionaries are left
    out. The items of a list, or of a dictionary of epochs, get an index: state_dicts[49].W, or file[49].W if the file
    is the list. Raises OSError if there is no file. Raises InputError if the file is damaged, too long, of another
    kind, or would run code. It also raises InputError if the library for the file is missing.
    """
    path = as_path("file", path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        command = _with_name(CONVERSIONS.get(path.suffix.lower(), ""), path)
        raise InputError("file", str(path), f"a file that ends in {', '.join(READERS)}{command}")
    path.stat()         # raises OSError
    try:
        with warnings.catch_warnings(action="ignore"), open_regular(path, MAX_NUMBERS_BYTES) as file:
            return {name: _real(X) for name, X in reader(file, path).items() if X.dtype.kind == "f" or X.ndim}
    except Exception as error:  # libraries raise any error for a damaged file
        if isinstance(error, (InputError, MemoryError)) or getattr(error, "filename", None):
            raise
        reason = first_line(error)[:100]
        raise InputError("file", str(path), f"a {path.suffix} file of plain arrays ({reason})") from error


def _real(X: np.ndarray) -> np.ndarray:
    if X.dtype.kind not in "fiub":
        return np.full(X.shape, np.nan)
    return X.astype("f4" if X.dtype.kind == "f" and X.itemsize <= 4 else "f8", copy=False)


def _library(name: str, path: Path) -> Any:
    """The library for files of a kind. Raises InputError without it, or with a torch that may run code in a file."""
    needed = "'torch >= 2.6'" if name == "torch" else "safetensors"
    try:
        library = import_module(name)
    except ImportError as error:
        raise InputError("file", str(path), f"a .npz file, unless you pip install {needed}") from error
    if name == "torch" and tuple(map(int, library.__version__.split(".")[:2])) < (2, 6):
        raise InputError("file", str(path), f"read by a later torch; this torch may run its code: pip install {needed}")
    return library


def _read_safetensors(file: IO[bytes], path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, without the library's own NumPy reader.

    That reader fails on bfloat16. A bfloat16 is the upper half of a float32.
    """
    arrays = dict[str, np.ndarray]()
    for name, tensor in _library("safetensors", path).deserialize(file.read()):
        kind = tensor["dtype"]
        if kind not in SAFETENSORS:
            arrays[name] = np.full(tensor["shape"], np.nan)
            continue
        X: np.ndarray = np.ndarray(tensor["shape"], SAFETENSORS[kind], tensor["data"])
        arrays[name] = (X.astype("<u4") << 16).view("<f4") if kind == "BF16" else X
    return arrays


def _read_torch(file: IO[bytes], path: Path) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch file. The checksums are tested first, because PyTorch ignores them."""
    torch = _library("torch", path)
    with ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_NUMBERS_BYTES:
            raise DamagedFileError(f"its parts are longer than {MAX_NUMBERS_BYTES} bytes")
        if archive.testzip():
            raise DamagedFileError("a checksum is wrong")
    file.seek(0)
    try:
        tensors = _tensors(torch.load(file, map_location="cpu", weights_only=True), torch.Tensor)
    except UnpicklingError as error:
        kind = re.search(r"GLOBAL (\S+)", str(error))
        allowed = f"of tensors alone, without {kind[1] if kind else 'other objects'}; if you trust it: {STATE_ALONE}"
        raise InputError("file", str(path), _with_name(allowed, path)) from error
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > MAX_NUMBERS_BYTES:
        raise DamagedFileError("its tensors repeat what is stored")     # with strides of 0
    arrays = dict[str, np.ndarray]()
    for name, X in tensors.items():
        X = X.detach().dequantize() if X.is_quantized else X.detach()
        arrays[name] = (X.float() if X.is_floating_point() and X.dtype != torch.float64 else X).numpy()
    return arrays


def _tensors(content: Any, kind: type) -> dict[str, Any]:
    """The tensors in dictionaries, lists and tuples by name, as `read_arrays` names them."""
    inside, tensors = [("file", content)], dict[str, Any]()
    for place, value in inside:                     # the loop adds to it
        if len(inside) > 10**6 or len(place) > 1000:    # a list may hold itself
            raise DamagedFileError("it has too many parts, or a part holds itself")
        name = place.removeprefix("file.")
        if isinstance(value, kind) and tensors.setdefault(name, value) is not value:
            raise DamagedFileError(f"two tensors have the name {name}")
        if isinstance(value, (list, tuple)):
            value = dict(enumerate(value))
        for key, item in value.items() if isinstance(value, dict) else ():
            if isinstance(item, (kind, dict, list, tuple)) and not str(key).startswith("optim"):
                inside.append((f"{place}[{key}]" if type(key) is int and key >= 0 else f"{place}.{key}", item))
    return tensors


def _with_name(command: str, path: Path) -> str:
    """A command with FILE replaced by a file's name. A name that might end the quotes stays FILE."""
    return command.replace("FILE", path.name) if re.fullmatch(r"[\w.-]+", path.name) else command


# Commands that make a readable file from a file that cannot be read.
STATE_ALONE = "python -c \"import torch; x = torch.load('FILE', weights_only=False); x = x if hasattr(x," \
              " 'state_dict') else x['model']; torch.save(getattr(x, 'state_dict', lambda: x)(), 'state.pth')\"" \
              " (replace 'model' by the key of the weights)"
HDF5 = "; FILE becomes one by: python -c \"import h5py, numpy; x = {}; h5py.File('FILE').visititems(lambda name, i:" \
       " x.update({name: i[()]}) if hasattr(i, 'shape') else None); numpy.savez('FILE.npz', **x)\""
CONVERSIONS = {".h5": HDF5, ".hdf5": HDF5, ".keras": "; first take its weights: unzip FILE model.weights.h5"}

READERS: dict[str, Callable[[IO[bytes], Path], dict[str, np.ndarray]]] = {
    ".npz": lambda file, path: read_npz(file, MAX_NUMBERS_BYTES),
    ".safetensors": _read_safetensors, ".pth": _read_torch, ".pt": _read_torch, ".ckpt": _read_torch,
}


def write_network(network: TwoLayerNet, path: Path | str) -> None:
    """Write the parameters of a network as .npz or .safetensors, or the state of a PyTorch model as .pth.

    The parameters are U, V unless V is U, W, and μ if there is a bias. The PyTorch model is Sequential(Linear(2P, M,
    bias=False), φ, Linear(M, P)). Its layers are named hidden and output: hidden.weight of shape (M, 2P), output.weight
    (P, M), output.bias (P,). Raises InputError for another kind of file.
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if suffix not in READERS:
        raise InputError("file", str(path), f"a file that ends in {', '.join(READERS)}")
    network = replace(network.convert(to_host), trained="all")      # so all of its arrays are parameters
    arrays = {name: np.ascontiguousarray(X) for name, X in network.parameters.items()}
    with whole_file(path, "wb") as file:
        if suffix == ".npz":
            np.savez(file, **arrays)  # type: ignore[arg-type]
        elif suffix == ".safetensors":
            file.write(_library("safetensors.numpy", path).save(arrays))
        else:
            torch = _library("torch", path)
            layers = {"hidden.weight": np.hstack([network.U.T, network.V.T]), "output.weight": network.W.T}
            layers |= {"output.bias": network.mu} if network.has_bias else {}
            torch.save({name: torch.from_numpy(np.ascontiguousarray(X)) for name, X in layers.items()}, file)
