"""The entry point of `minimod` and `python -m minimod`.

A signal to stop during the imports ends the process with one line, not with a traceback.
"""

import sys

from minimod.runs.signals import end_at_once, handled


def main() -> None:
    """Run the command line."""
    with handled(end_at_once):
        try:
            from minimod.cli import main as run_commands
        except ModuleNotFoundError as error:
            sys.exit(f"minimod: {error.name} is not installed; README.md says how to install what it needs")
    run_commands()


if __name__ == "__main__":
    main()
