"""Who may write in a directory: the process that holds its lock, while that lock is the file at its path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimod.errors import LockedError, LostDirectoryError


class HeldDirectory:
    """A directory that this process holds, while its lock is the file at its path."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._lock = os.stat(directory / ".lock")

    def file(self, name: str = "") -> Path:
        """The path of a file, to write it now.

        Raises LostDirectoryError where the directory was removed, moved or replaced: then nothing may be written, since
        another process may hold what lies at the path now.
        """
        try:
            is_held = os.path.samestat(self._lock, os.stat(self.directory / ".lock"))
        except (FileNotFoundError, NotADirectoryError):
            is_held = False
        if not is_held:
            raise LostDirectoryError(f"{self.directory} was removed, moved or replaced while this process wrote there")
        return self.directory / name


@contextmanager
def hold(directory: Path, wait: bool = False, parents: bool = True) -> Iterator[HeldDirectory]:
    """Hold a directory, which is made where there is none; so is what it lies in, if `parents`.

    Where another process holds the directory, this waits, or raises LockedError.
    """
    from filelock import FileLock, Timeout  # here, so that `minimod --help` does not wait for it

    directory.mkdir(parents=parents, exist_ok=True)
    lock = FileLock(directory / ".lock")
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise LockedError("directory", str(directory), "one that no other process trains in now") from error
    try:
        yield HeldDirectory(directory)
    finally:
        lock.release()
