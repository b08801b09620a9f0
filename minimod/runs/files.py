"""Files that are written whole or not at all, and read without trust.

What is read runs no code, takes little more memory than the file is long, and is refused unless it is what was written.
Text is UTF-8, whatever the locale. A file that is not there is damage. Any other error of the system, such as a lack of
memory or of permission, says nothing about the file: OSError and MemoryError stay what they are.
"""

import csv
import errno
import hashlib
import itertools
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np

from minimod.errors import InputError

# A longer JSON file of a run, or file of numbers that a user brings, is refused before it is read.
MAX_JSON_BYTES, MAX_NUMBERS_BYTES = 10**6, 10**9


class DamagedFileError(ValueError):
    """A file is not what was written. The message says how that shows."""


@contextmanager
def refusing(what: str, value: Path | str, allowed: str, path: Path | None = None) -> Iterator[None]:
    """Raise InputError where a file, at `path` if that is not the value, turns out not to be what was written."""
    try:
        yield
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        reason = DamagedFileError(f"{path.name}: {error}" if path else str(error))
        raise InputError(what, str(value), f"{allowed} ({reason})") from reason


def as_path(option: str, given: Any, allowed: str = "a path") -> Path:
    """The path that a caller gave for an option, as a text or a Path: absolute, whatever directory is entered later.

    Raises InputError for anything else.
    """
    if not isinstance(given, (str, os.PathLike)) or "\0" in os.fspath(given):
        raise InputError(option, given, allowed)
    return Path(given).absolute()


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file to write that takes its name only once it is complete and on disk; an older one stays until then."""
    if path.exists() and not path.is_file():        # a device would be replaced by a file
        raise OSError(errno.EINVAL, "no regular file", str(path))
    temporary = path.with_name(f"{path.name[-50:]}.{os.getpid()}.part")      # a name has 255 bytes at most
    try:
        # A text may have the name of a file, and that need not be UTF-8.
        encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
        with open(temporary, mode, encoding=encoding, errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename is None:      # a full disk shows in a write, which knows no file's name
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):         # its directory may be gone
            temporary.unlink()


def open_regular(path: Path, limit: float) -> IO[bytes]:
    """Open a file to read. Raises DamagedFileError if it is not there, no regular file, or over `limit` bytes long."""
    try:        # a pipe would wait for its writer
        file = open(path, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0)))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DamagedFileError(str(error.strerror)) from error
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        problem = "it is no regular file"
    elif status.st_size > limit:
        problem = f"it is longer than {limit} bytes"
    else:
        return file
    file.close()
    raise DamagedFileError(problem)


def read_bytes(path: Path, limit: float) -> bytes:
    """The content of a file, see `open_regular`."""
    with open_regular(path, limit) as file:
        return file.read()


def plain_data(value: Any) -> Any:
    """The value as JSON knows it: arrays as lists, None for what is not finite; float32 numbers to six digits."""
    if isinstance(value, dict):
        return {key: plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype == np.float32:
            array = _six_digits(array.astype(np.float64))
        is_plain = array.dtype.kind != "f" or np.isfinite(array).all()
        return array.tolist() if is_plain else plain_data(array.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _six_digits(x: np.ndarray) -> np.ndarray:
    """The numbers to six significant digits, as decimals: 0.052 and not 0.05200000107288361."""
    sizes = np.abs(np.where(np.isfinite(x) & (x != 0), x, 1))
    decimals = 5 - np.floor(np.log10(sizes)).astype(int)
    scale = 10.0 ** np.abs(decimals)
    return np.asarray(np.where(decimals > 0, np.rint(x * scale) / scale, np.rint(x / scale) * scale))


def save_json(path: Path, data: Any, indent: int | None = None) -> None:
    """Write data as JSON; see `plain_data` for arrays and for what is not finite."""
    text = json.dumps(plain_data(data), indent=indent, allow_nan=False)
    with whole_file(path) as file:
        file.write(text + "\n")


def save_checked_json(path: Path, data: dict[str, Any]) -> None:
    """As `save_json`, with one more key, `sha256`: the checksum of the rest, which must be plain data."""
    save_json(path, data | {"sha256": checksum(data)}, indent=1)


def load_checked_json(path: Path, limit: float = MAX_JSON_BYTES) -> dict[str, Any]:
    """What `save_checked_json` wrote. Raises DamagedFileError if it is not, too long, or not there."""
    content = read_bytes(path, limit)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise DamagedFileError("it is not a JSON object")
    if data.pop("sha256", None) != checksum(data):
        raise DamagedFileError("its checksum is not that of its content")
    return data


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as an npz file, with one more, `sha256`: the checksum of the rest."""
    with whole_file(path, "wb") as file:
        np.savez(file, **arrays, sha256=_array_digest(arrays))  # type: ignore[arg-type]


def load_arrays(path: Path, limit: float = math.inf) -> dict[str, np.ndarray]:
    """What `save_arrays` wrote. Raises DamagedFileError if it is not, too long, or not there."""
    content = read_bytes(path, limit)
    try:
        arrays = read_npz(BytesIO(content), len(content))
    except MemoryError:
        raise
    except Exception as error:  # damage shows in whatever way zipfile and NumPy stumble over it
        raise DamagedFileError(f"it is not an npz file of plain arrays: {error}") from error
    checksum = arrays.pop("sha256", None)
    if checksum is None or not np.array_equal(checksum, _array_digest(arrays)):
        raise DamagedFileError("its checksum is not that of its content")
    return arrays


def read_npz(file: IO[bytes], limit: int) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name. Raises ValueError beyond `limit` bytes, and what NumPy raises."""
    with ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > limit:
            raise ValueError(f"its parts are longer than {limit} bytes")
        for member in members:
            with archive.open(member) as part:
                shape, dtype = _read_header(part)
            if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} has shape {shape}, but only {member.file_size} bytes")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_header(part: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if np.lib.format.read_magic(part) != (1, 0):
        raise ValueError("it is of another version of NumPy's format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(part)
    return shape, dtype


def load_npy(path: Path) -> np.ndarray:
    """The numbers of an npy file, in float64. Raises DamagedFileError if it is none, too long, or not there."""
    file = BytesIO(read_bytes(path, MAX_NUMBERS_BYTES))
    try:
        shape, dtype = _read_header(file)
        rest = len(file.getbuffer()) - file.tell()
        if dtype.kind not in "iuf" or int(np.prod(shape, dtype=object)) * dtype.itemsize > rest:
            raise DamagedFileError(f"it has {dtype} of shape {shape}, and {rest} bytes")
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False), float)
    except MemoryError:
        raise
    except Exception as error:  # damage shows in whatever way NumPy stumbles over it
        raise DamagedFileError(str(error)) from error


def save_columns(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write arrays of shape (n,) by name as a CSV file, a column each."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def check_output(option: str, path: Path, run_dir: Path, ours: str = "") -> None:
    """Raise InputError for a file in no directory, and for one of a run's own, but for that of the name `ours`."""
    if not path.parent.is_dir():
        raise InputError(option, str(path), "in a directory that there is")
    if path.exists() and run_dir.resolve() in path.resolve().parents and path.name != ours:
        raise InputError(option, str(path), "none of the run's own files")


def decoded_lines(path: Path, growing: bool = False) -> Iterator[str]:
    """The lines of a text, each with its end. growing: another process may write it, so a cut last line is left out.

    Raises DamagedFileError for another encoding than UTF-8, with a byte-order mark or without, and if there is no file.
    """
    with open_regular(path, MAX_NUMBERS_BYTES) as file:
        for number, line in enumerate(file, 1):
            if growing and not line.endswith(b"\n"):
                return
            try:
                text = line.decode("utf-8" if number > 1 else "utf-8-sig")
            except UnicodeDecodeError:
                text = "\0"
            if "\0" in text:        # Latin-1 is refused by the decoder, UTF-16 has zeros
                raise DamagedFileError(f"line {number} is not in UTF-8: save it as CSV UTF-8")
            yield from StringIO(text, newline="")       # \r alone ends a line, too


def read_table(path: Path, growing: bool = False) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The head of a CSV file, and the cells of every other line, as text, with its number. Empty lines are left out.

    The file may have been saved by a spreadsheet, with semicolons or tabs. Raises DamagedFileError as `decoded_lines`
    does, and for a line with more or fewer cells than the head.
    """
    def rows() -> Iterator[tuple[int, list[str]]]:
        lines = decoded_lines(path, growing)
        first = next(lines, "")
        reader = csv.reader(itertools.chain([first], lines), delimiter=max(",;\t", key=first.count), strict=True)
        try:
            width = 0
            for row in filter(any, reader):
                width = width or len(row)
                if len(row) != width:
                    raise csv.Error(f"{len(row)} cells, and the first line {width}")
                yield reader.line_num, row
        except csv.Error as error:
            raise DamagedFileError(f"line {reader.line_num} has {error}") from error

    lines = rows()
    return next(lines, (0, []))[1], lines


def load_words(path: Path) -> np.ndarray:
    """The texts, of shape (n,), of a CSV file with a number and a word in each line."""
    head, lines = read_table(path)
    if len(head) != 2:
        raise DamagedFileError("it is no CSV of words")
    return np.array([word for _, (_, word) in lines], str)


def checksum(data: Any) -> str:
    """The SHA-256 of plain data, in hexadecimal digits, whatever the order of its keys. Raises ValueError for nan."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, allow_nan=False).encode()).hexdigest()


def array_checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of arrays, their names, shapes and types, in hexadecimal digits."""
    return bytes(_array_digest(arrays)).hex()


def _array_digest(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
