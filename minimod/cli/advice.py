"""Advice: the commands that error messages and `minimod check` name."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from minimod.cli.options import flag_of
from minimod.errors import DivergedRunError, FinishedRunError, InputError, UnfinishedRunError
from minimod.runs.config import CONSTRAINTS, FIELDS_SET_BY_PAIRS
from minimod.runs.run import DAMAGED, DIVERGED, FINISHED, NONE, UNFINISHED, Run


def refusal(error: InputError) -> str:
    """The line for a refused value: the option as the command line spells it, what is allowed, and maybe a command."""
    value = from_here(error.value) if isinstance(error.value, str) else error.value
    refused = f"{flag_of(error.option)} is {value!r}; it must be {error.allowed}"
    if isinstance(error, UnfinishedRunError):
        return f"{refused}; resume this one by: {resume_command(error.value)}"
    if isinstance(error, DivergedRunError):
        return f"{refused}; begin it anew by: {resume_command(error.value)} --learning-rate RATE"
    if isinstance(error, FinishedRunError):
        return f"{refused}, and --extend EPOCHS trains it further"
    return refused


def what_helps(state: str, files: dict[str, str], run_dir: Path) -> Iterator[str]:
    """Commands for a directory in this state, one a line. A comment behind a command says what it does."""
    directory, resume = quoted(run_dir), resume_command(run_dir)
    extension = files.get("extension", "")
    if state == FINISHED:
        yield f"minimod analyze {directory}  # takes it apart"
    if files.get("data", "").startswith("not there yet"):
        yield "the command that began it, with the same data, resumes it"
    elif state == UNFINISHED or (state == FINISHED and extension.startswith(UNFINISHED)):
        yield f"{resume}  # resumes it"
    if extension.startswith(DIVERGED):
        yield f"minimod train {directory} --extend EPOCHS  # extends it by fewer epochs; the run itself is intact"
    if state == DIVERGED:
        yield f"{resume} --learning-rate RATE  # trains it anew, at a smaller rate"
    if state == NONE and (run_dir / "sweep.json").exists():
        yield f"minimod sweep {directory}  # checks its runs, and trains the missing ones"
    elif state == NONE and not run_dir.exists():
        yield f"minimod train {directory}  # trains a network there"
    if state == DAMAGED:
        broken = [name for name, text in files.items() if text.startswith(DAMAGED)]
        if broken == ["checkpoint.npz"] and "network.npz" in files:
            yield f"rm {quoted(run_dir / 'checkpoint.npz')}  # the other files are intact; then it cannot be extended"
        elif broken == ["network.npz"]:
            yield f"rm {quoted(run_dir / 'network.npz')} && {resume}  # writes it again from the checkpoint"
        else:
            yield "no command reads it: restore these files, or train the run again in another directory"


def quoted(path: object) -> str:
    """A path, quoted for a shell, relative to the working directory. No option begins like it."""
    text = from_here(str(path))
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def from_here(path: str) -> str:
    """A path below the working directory, relative to it; any other text unchanged."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here) if path != here else path


def train_command(run: Run) -> str:
    """The command that trains such a run. A run with data of a user needs their files too."""
    if run.data.is_relabelled:
        return f"# made in Python or by minimod extract: its labels are in {run.directory}/data"
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
    """Where a new run is, and the next command."""
    return f"Written to {run_dir}. Next: minimod analyze {quoted(run_dir)}"


def resume_command(directory: object) -> str:
    """The command that resumes an unfinished run."""
    return f"minimod train {quoted(directory)} --resume"
