"""The entry point, `minimod` and `python -m minimod`. While it imports the rest, Ctrl-C is one line too."""

import os
import signal


def main() -> None:
    """Run the command line."""
    usual = signal.getsignal(signal.SIGINT)
    if usual != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)
    from minimod.commands import main as run_commands

    signal.signal(signal.SIGINT, usual)
    run_commands()


def _end(*_: object) -> None:
    """End at once: nothing has begun. An exception would come out of an import as whatever that makes of it."""
    os.write(2, b"minimod: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
