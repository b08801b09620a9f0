"""The entry point, `minimod` and `python -m minimod`. While it imports the rest, a signal to stop is one line too."""

from minimod.runs.signals import end_at_once, handled


def main() -> None:
    """Run the command line."""
    with handled(end_at_once):
        from minimod.cli import main as run_commands
    run_commands()


if __name__ == "__main__":
    main()
