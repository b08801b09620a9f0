"""Files that are written whole or not at all, and read without trust.

Reading runs no code, and takes little more memory than the length of the file. A file that is not what was written is
refused. Text is UTF-8 in every locale. A missing file counts as damaged. Other errors of the system, such as a lack of
memory or of permission, say nothing about the file. So OSError and MemoryError are not converted.
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

# The limits for the JSON file of a run, and for a user's file of numbers. A longer file is refused before it is read.
MAX_JSON_BYTES, MAX_NUMBERS_BYTES = 10**6, 10**9


class DamagedFileError(ValueError):
    """A file is not what was written. The message says what is wrong with the file."""


@contextmanager
def refusing(what: str, value: Path | str, allowed: str, path: Path | None = None) -> Iterator[None]:
    """Raise InputError if the block finds that a file is not what was written.

    what, value, allowed: the parts of the InputError. path: the file, if the value is another path.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        reason = DamagedFileError(f"{path.name}: {error}" if path else str(error))
        raise InputError(what, str(value), f"{allowed} ({reason})") from reason


def as_path(option: str, given: Any, allowed: str = "a path") -> Path:
    """The path that a caller gave for an option, as a text or a Path.

    The result is absolute, so it stays right if the working directory changes. Raises InputError for anything else.
    """
    if not isinstance(given, (str, os.PathLike)) or "\0" in os.fspath(given):
        raise InputError(option, given, allowed)
    return Path(given).absolute()


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file for writing. It gets its name only when it is complete and on disk. Until then, an older file stays."""
    if path.exists() and not path.is_file():        # for example a device, which must not be replaced by a file
        raise OSError(errno.EINVAL, "no regular file", str(path))
    temporary = path.with_name(f"{path.name[-50:]}.{os.getpid()}.part")      # a name has 255 bytes at most
    try:
        # A text may contain the name of a file. This name may have bytes that are not valid UTF-8.
        encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
        with open(temporary, mode, encoding=encoding, errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename is None:      # if the disk is full, `write` raises without a file's name
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):         # the directory may be gone
            temporary.unlink()


def open_regular(path: Path, limit: float) -> IO[bytes]:
    """Open a file for reading. Raises DamagedFileError if it is missing, no regular file, or longer than `limit` bytes.
    """
    try:        # with O_NONBLOCK, because the opening of a pipe would wait for a writer
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
    """The value as plain data for JSON: arrays as lists, float32 numbers with six digits, None for nan and inf."""
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
    """The numbers rounded to six significant digits: 0.052 and not 0.05200000107288361."""
    sizes = np.abs(np.where(np.isfinite(x) & (x != 0), x, 1))
    decimals = 5 - np.floor(np.log10(sizes)).astype(int)
    scale = 10.0 ** np.abs(decimals)
    return np.asarray(np.where(decimals > 0, np.rint(x * scale) / scale, np.rint(x / scale) * scale))


def save_json(path: Path, data: Any, indent: int | None = None) -> None:
    """Write data as JSON, after `plain_data`."""
    text = json.dumps(plain_data(data), indent=indent, allow_nan=False)
    with whole_file(path) as file:
        file.write(text + "\n")


def save_checked_json(path: Path, data: dict[str, Any]) -> None:
    """As `save_json`, with one more key, `sha256`: the checksum of the other keys. The data must be plain data."""
    save_json(path, data | {"sha256": checksum(data)}, indent=1)


def load_checked_json(path: Path, limit: float = MAX_JSON_BYTES) -> dict[str, Any]:
    """The data in a file of `save_checked_json`. Raises DamagedFileError if it is damaged, too long or missing."""
    content = read_bytes(path, limit)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"it is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise DamagedFileError("it is not a JSON object")
    if data.pop("sha256", None) != checksum(data):
        raise DamagedFileError("its checksum does not fit its content")
    return data


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as an npz file, with one more array, `sha256`: the checksum of the other arrays."""
    with whole_file(path, "wb") as file:
        np.savez(file, **arrays, sha256=_array_digest(arrays))  # type: ignore[arg-type]


def load_arrays(path: Path, limit: float = math.inf) -> dict[str, np.ndarray]:
    """The arrays in a file of `save_arrays`. Raises DamagedFileError if it is damaged, too long or missing."""
    content = read_bytes(path, limit)
    try:
        arrays = read_npz(BytesIO(content), len(content))
    except MemoryError:
        raise
    except Exception as error:  # for damaged files, zipfile and NumPy raise many types of errors
        raise DamagedFileError(f"it is not an npz file of plain arrays: {error}") from error
    checksum = arrays.pop("sha256", None)
    if checksum is None or not np.array_equal(checksum, _array_digest(arrays)):
        raise DamagedFileError("its checksum does not fit its content")
    return arrays


def read_npz(file: IO[bytes], limit: int) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name. Raises ValueError for more than `limit` bytes, and what NumPy raises."""
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
    """The numbers of an npy file, in float64. Raises DamagedFileError if it is damaged, too long or missing."""
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
    except Exception as error:  # for damaged files, NumPy raises many types of errors
        raise DamagedFileError(str(error)) from error


def save_columns(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write arrays of shape (n,) by name as the columns of a CSV file."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def check_output(option: str, path: Path, run_dir: Path, ours: str = "") -> None:
    """Raise InputError if the file's directory does not exist, or if the file is one of the run's own files.

    ours: the name of an own file that may be overwritten.
    """
    if not path.parent.is_dir():
        raise InputError(option, str(path), "in a directory that exists")
    if path.exists() and run_dir.resolve() in path.resolve().parents and path.name != ours:
        raise InputError(option, str(path), "none of the run's own files")


def decoded_lines(path: Path, growing: bool = False) -> Iterator[str]:
    """The lines of a text file, with their line ends. growing: another process may be writing the file, so a last line
    without its end is left out.

    Raises DamagedFileError if the file is missing, or is not in UTF-8. A byte-order mark is allowed.
    """
    with open_regular(path, MAX_NUMBERS_BYTES) as file:
        for number, line in enumerate(file, 1):
            if growing and not line.endswith(b"\n"):
                return
            try:
                text = line.decode("utf-8" if number > 1 else "utf-8-sig")
            except UnicodeDecodeError:
                text = "\0"
            if "\0" in text:        # the decoder refuses Latin-1; UTF-16 has zeros
                raise DamagedFileError(f"line {number} is not in UTF-8: save it as CSV UTF-8")
            yield from StringIO(text, newline="")       # \r alone ends a line, too


def read_table(path: Path, growing: bool = False) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The head of a CSV file, and for every other line its number and its cells, as texts. Empty lines are left out.

    The cells may be separated by commas, semicolons or tabs. Raises DamagedFileError as `decoded_lines` does, and for a
    line with more or fewer cells than the head.
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
    """The words in a CSV file, of shape (n,). Every line has a number and a word."""
    head, lines = read_table(path)
    if len(head) != 2:
        raise DamagedFileError("it is no CSV of words")
    return np.array([word for _, (_, word) in lines], str)


def checksum(data: Any) -> str:
    """The SHA-256 of plain data, in hexadecimal digits. The order of keys has no effect. Raises ValueError for nan."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, allow_nan=False).encode()).hexdigest()


def array_checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of arrays with their names, shapes and dtypes, in hexadecimal digits."""
    return bytes(_array_digest(arrays)).hex()


def _array_digest(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
