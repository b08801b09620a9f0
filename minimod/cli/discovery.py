"""The command that finds an unknown rule."""

import time
from pathlib import Path
from typing import Any

import click

from minimod.cli.display import Answer, cell, say
from minimod.cli.options import FILE, OnceEach, json_option, quiet_option, repeats_option
from minimod.data import PARTS
from minimod.discovery import search
from minimod.discovery.retrieval import SOURCES, discover_run, discovered_pairs
from minimod.engine.backend import DEVICES
from minimod.exchange.pairs import load_pairs
from minimod.runs.accuracy import accuracies, share
from minimod.runs.files import check_output, plain_data, save_checked_json, save_columns
from minimod.runs.run import load_run

NAMINGS = {     # the assumptions of Found, in words
    "group": "with one naming for a, b and c", "c apart": "with c named apart from a and b",
    "isotope": "with a, b and c each named apart",
}


@click.command(cls=OnceEach)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--from", "what", type=click.Choice(SOURCES),
              help="For a run: use what its network answers for all pairs, or its training labels alone.  [default:"
              " the predictions, and the labels as a control]")
@repeats_option
@click.option("--table", type=FILE, metavar="FILE",
              help="Write a, b and label of every pair that has an answer to this CSV.")
@click.option("--write/--no-write", default=True, show_default=True, help="For a run: write RUN_DIR/discovery.json.")
@click.option("--seconds", type=click.FloatRange(0), default=120, show_default=True,
              help="Start no further search after this time.")
@click.option("--max-starts", type=click.IntRange(1), help="Start at most this number of searches.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random starts.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: all cores]")
@quiet_option
@json_option
def discover(
    source: Path, what: str | None, repeats: str | None, table: Path | None, write: bool, **options: Any
) -> Answer:
    """Find the rule from labels or answers alone.

    SOURCE is a run, or a file of pairs as train --pairs takes it. If the file has a column part, only its training
    pairs are used. Looks for a group on the tokens, under any names. Prints how likely a table as good is by chance.
    """
    if table:
        check_output("--table", table, source)
    control, run, begin = None, load_run(source) if source.is_dir() else None, time.perf_counter()
    if run:
        if repeats:
            raise click.UsageError("--repeats is for a file; a run has each pair once")
        found = discover_run(run, what or "predictions", tell=say, **options)
        words, held_out = run.words, accuracies(found.table, run.dataset).test
    else:
        if what:
            raise click.UsageError("--from is for a run; a file has its labels alone")
        pairs, words = load_pairs(source, repeats=repeats)
        a, b, label, _, part = pairs.T
        train = part == PARTS.index("train")
        found = search.discover(a[train], b[train], label[train], len(words), tell=say, **options)
        held_out = share((found.table[a, b] == label)[~train])
    seconds = round(time.perf_counter() - begin, 1)
    if run and not what:
        control = discover_run(run, "labels", tell=say, **options)
    absorbing = None if found.absorbing is None else str(words[found.absorbing])
    told = (
        "assumption", "group", "agreement", "chance", "p_value", "alike", "structured", "starts", "is_cut", "looked",
        "refused",
    )
    result: dict[str, Any] = {name: getattr(found, name) for name in told} | {
        "merged": {str(words[token]): None if element is None else str(words[element])
                   for token, element in found.merged.items()},
        "absorbing": absorbing, "seconds": seconds, "wrong": int(found.wrong.sum()), "labels": len(found.wrong),
        "pairs": int((found.table >= 0).sum()), "held_out": held_out,
        "elements": found.elements and {
            place: {str(words[token]): int(e[token]) for token in (e >= 0).nonzero()[0]}
            for place, e in zip(("a", "b", "label"), found.elements, strict=True)
        },
    }
    judged = "them" if not run else "the training labels" if run.data.labels is None else "the labels of its dataset"
    lines = in_words(result, "answers" if run and what != "labels" else "labels", judged)
    if run and control:
        same = control.group is not None and bool((control.table == found.table).all())
        result["from_labels_alone"] = {"group": control.group, "agreement": control.agreement, "same_table": same}
        other = f"another table, of {control.group}" if control.group else "nothing"
        finds = "the same table" if same else other
        without = "any" if run.data.labels is None else "its"
        lines.append(f"The control: from the training labels, without {without} network, the search finds {finds}.")
    result["in_words"] = lines
    if run and write:
        save_checked_json(run.beside("discovery.json"), plain_data(result))
    written = []
    if table:
        save_columns(table, discovered_pairs(found, words))
        written.append(f"Written to {table}.")
    return Answer(result, ["\n".join(lines + written)])


def in_words(result: dict[str, Any], of: str, judged: str) -> list[str]:
    """What was found, in sentences.

    of: "labels" or "answers", what was searched. judged: the labels that the probability is computed from.
    """
    if result["refused"]:
        return [f"{result['refused']} was found after {result['starts']} starts, but {judged} are no"
                " evidence for it."]
    if result["assumption"] is None:
        looked = [f"{NAMINGS[assumption]}, by representations of dimension {', '.join(map(str, dimensions))}"
                  for assumption, dimensions in result["looked"].items()]
        rest = "--seconds and --max-starts allow more" if result["is_cut"] else "there are no more starts"
        return [f"No group was found after {result['starts']} starts and {result['seconds']} s: {rest}.",
                f"The search looked {'; '.join(['at the table as it stands', *looked])}. A group may exist under more"
                " noise than the search can take."]
    zero = "" if result["absorbing"] is None else f"; {result['absorbing']} is absorbing"
    lines = [
        f"{result['group']}, {NAMINGS[result['assumption']]}{zero}",
        f"It agrees with {result['agreement']:.1%} of {result['labels']} {of}, where chance explains at most"
        f" {result['chance']:.1%}.",
        f"The probability that some table fits {judged} as well by chance is at most"
        f" {max(result['p_value'], 1e-300):.1g}.",
    ]
    names = [f"{token} for {element}" for token, element in result["merged"].items() if element is not None]
    strangers = [token for token, element in result["merged"].items() if element is None]
    if names:
        lines.append(f"Taken for another name of an element: {', '.join(names)}.")
    if strangers:
        lines.append(f"Left out, because they are no elements or have too few pairs: {', '.join(strangers)}.")
    if not result["alike"]:
        lines.append("It explains the labels of some tokens much worse than of others, which noise would not do."
                     " So it is the nearest group, perhaps not the rule.")
    if result["structured"]:
        lines.append(f"The {of} that disagree are structured, not noise. So it is the nearest group, perhaps not the"
                     " rule.")
    return [*lines, f"Held-out pairs answered: {cell(result['held_out'])}. Found after {result['starts']} starts."]
