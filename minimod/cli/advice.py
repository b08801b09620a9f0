"""What helps: the commands that are named where a run or a directory is not what it should be."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from minimod.cli.options import flag_of
from minimod.errors import DivergedRunError, FinishedRunError, InputError, UnfinishedRunError
from minimod.runs.config import CONSTRAINTS, FIELDS_SET_BY_PAIRS
from minimod.runs.run import DAMAGED, DIVERGED, FINISHED, NONE, UNFINISHED, Run


def refusal(error: InputError) -> str:
    """What is refused, as the command line spells it, and what helps, where something does."""
    value = from_here(error.value) if isinstance(error.value, str) else error.value
    refused = f"{flag_of(error.option)} is {value!r}; it must be {error.allowed}"
    if isinstance(error, UnfinishedRunError):
        return f"{refused}; go on with this one by: {resume_command(error.value)}"
    if isinstance(error, DivergedRunError):
        return f"{refused}; begin it anew by: {resume_command(error.value)} --learning-rate RATE"
    if isinstance(error, FinishedRunError):
        return f"{refused}, and --extend EPOCHS trains it further"
    return refused


def what_helps(state: str, files: dict[str, str], run_dir: Path) -> Iterator[str]:
    """What to do with a directory in this state: commands, with a line's end as a comment that says what for."""
    directory, go_on = quoted(run_dir), resume_command(run_dir)
    extension = files.get("extension", "")
    if state == FINISHED:
        yield f"minimod analyze {directory}  # takes it apart"
    if files.get("data", "").startswith("not there yet"):
        yield "the command that began it, with the same data, goes on"
    elif state == UNFINISHED or (state == FINISHED and extension.startswith(UNFINISHED)):
        yield f"{go_on}  # goes on with it"
    if extension.startswith(DIVERGED):
        yield f"minimod train {directory} --extend EPOCHS  # by fewer epochs; the run itself is whole"
    if state == DIVERGED:
        yield f"{go_on} --learning-rate RATE  # begins it anew, at a smaller rate"
    if state == NONE and (run_dir / "sweep.json").exists():
        yield f"minimod sweep {directory}  # checks its runs, and goes on"
    elif state == NONE and not run_dir.exists():
        yield f"minimod train {directory}  # trains a network there"
    if state == DAMAGED:
        broken = [name for name, text in files.items() if text.startswith(DAMAGED)]
        if broken == ["checkpoint.npz"] and "network.npz" in files:
            yield f"rm {quoted(run_dir / 'checkpoint.npz')}  # all else is whole; it cannot be extended then"
        elif broken == ["network.npz"]:
            yield f"rm {quoted(run_dir / 'network.npz')} && {go_on}  # it comes anew from the checkpoint"
        else:
            yield "nothing reads it: train it again in another directory, if nobody has these files as they were"


def quoted(path: object) -> str:
    """A path as a shell and Click take it, from where the command was called."""
    text = from_here(str(path))
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def from_here(path: str) -> str:
    """A path below the working directory as it is called from there; any other text as it is."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here) if path != here else path


def train_command(run: Run) -> str:
    """The command that trains such a run, or what it was made by; data of its own have to be given to it too."""
    if run.data.is_relabelled:
        return f"# from Python, or by minimod extract: it was trained on labels of its own, in {run.directory}/data"
    words = ["minimod train", quoted(run.directory)]
    words += [f"{flag_of(name)} FILE" for name in ("pairs", "noise_matrix") if name in run.data.stored]
    left_out = {*run.config.without_effect, *(FIELDS_SET_BY_PAIRS if run.data.pairs is not None else ())}
    for name, value in run.config.changes().items():
        if name in left_out:
            continue
        flag = flag_of(name)
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif value is not None:
            texts = list(map(str, value if isinstance(value, tuple) else [value]))
            texts = texts if CONSTRAINTS[name].is_composite else [",".join(texts)]      # 0.9 0.98, but 0,10,100
            words += [flag, *map(shlex.quote, texts)]
    return " ".join(words)


def written(run_dir: Path) -> str:
    """Where a new run is, and the command that comes next."""
    return f"Written to {run_dir}. Next: minimod analyze {quoted(run_dir)}"


def resume_command(directory: object) -> str:
    """The command that goes on with an unfinished run."""
    return f"minimod train {quoted(directory)} --resume"
