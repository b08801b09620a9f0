"""The entry point, `minimod` and `python -m minimod`. It imports the rest when it is ready to be interrupted."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C before it has begun is one line too."""
    try:
        from minimod.commands import main as run_commands
    except KeyboardInterrupt:
        sys.stderr.write("minimod: interrupted\n")
        sys.exit(130)
    run_commands()


if __name__ == "__main__":
    main()
