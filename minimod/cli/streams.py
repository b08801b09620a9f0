"""Standard output and standard error that never end a run, whatever they cannot print."""

import os
import sys
from contextlib import suppress
from typing import Any


class _Unfailing:
    """Standard error that may be full or closed. Text that cannot be written is lost; no exception is raised."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def prepare_streams() -> None:
    """Let output fail quietly: on a terminal without α and ∘, on a full disk, and on a closed stream."""
    streams: list[Any] = [stream or open(os.devnull, "w", encoding="utf-8") for stream in (sys.stdout, sys.stderr)]
    for stream in streams:
        stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = streams[0], _Unfailing(streams[1])
