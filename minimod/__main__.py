"""The entry point, `minimod` and `python -m minimod`. While it imports the rest, Ctrl-C is one line too."""

from minimod.runs.signals import importing


def main() -> None:
    """Run the command line."""
    with importing():
        from minimod.cli import main as run_commands
    run_commands()


if __name__ == "__main__":
    main()
