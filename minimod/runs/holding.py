"""The right to write to a directory. A process has it while it holds the directory's lock file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimod.errors import LockedError, LostDirectoryError


class HeldDirectory:
    """A directory that this process holds, as long as the process's lock is the file .lock in the directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._lock = os.stat(directory / ".lock")

    def file(self, name: str = "") -> Path:
        """The path of a file that is written now.

        Raises LostDirectoryError if the directory was removed, moved or replaced. Then nothing may be written, because
        another process may hold the directory that is at this path now.
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
    """Hold a directory. A missing directory is made, with `parents` also its missing parent directories.

    If another process holds the directory, this waits (with `wait`), or else raises LockedError.
    """
    from filelock import FileLock, Timeout  # imported here, so that `minimod --help` does not wait for it

    directory.mkdir(parents=parents, exist_ok=True)
    lock = FileLock(directory / ".lock")
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise LockedError("directory", str(directory), "a directory in which no other process trains now") from error
    try:
        yield HeldDirectory(directory)
    finally:
        lock.release()
