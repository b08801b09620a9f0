"""Commands that bring networks, groups and tables in, and write networks and predictions out."""

from pathlib import Path
from typing import Any

import click

from minimod.cli.advice import written
from minimod.cli.display import Answer, group_text
from minimod.cli.options import FILE, OLD_FILE, OnceEach, field_options, json_option, repeats_option, run_argument
from minimod.errors import InputError
from minimod.exchange import networks
from minimod.exchange.formats import write_network
from minimod.exchange.layouts import LAYOUTS
from minimod.exchange.maps import parse_maps
from minimod.groups.names import canonical_name, facts
from minimod.groups.rules import GroupRule, kind_of, make_rule, table_path
from minimod.rules import RULES
from minimod.runs.data import load_table
from minimod.runs.files import check_output, save_columns
from minimod.runs.run import load_run

IMPORTED = ("rule", "modulus", "activation", "tied", "train_fraction", "seed")      # not in the file


@click.command("import", cls=OnceEach, excludes=[("--pairs", "brings the split", ["--train-fraction"])])
@click.argument("file", type=OLD_FILE)
@run_argument
@click.option("--map", "maps", multiple=True, metavar="ROLE=EXPRESSION",
              help="What a role is, as 'U=W_x @ W', W=fc2.weight.T or 'V=fc1.weight.T[113:]'. Roles: U and W; V (else"
              " the network is tied), mu, hidden_bias. Expressions: names of arrays, @, +, .T (transposed), and indices"
              " of integers and slices. Words with dots are a name, also with the item of a list, as state_dicts[-1].W;"
              " any other name stands in quotes: 'W=\"Dense_1/kernel\"'.  [default: as a layout says]")
@click.option("--layout", type=click.Choice(list(LAYOUTS)), metavar="NAME",
              help=f"Read the file by this layout: {', '.join(LAYOUTS)}.  [default: the layout that fits its names and"
              " shapes exactly]")
@click.option("--pairs", type=OLD_FILE, metavar="FILE",
              help="The pairs it was trained and tested on, see train --pairs.  [default: split as train splits them]")
@repeats_option
@field_options(IMPORTED)
@json_option
def import_network(
    file: Path, run_dir: Path, maps: tuple[str, ...], layout: str | None, pairs: Path | None, repeats: str | None,
    **options: Any,
) -> Answer:
    """Make a run of a network that was trained elsewhere.

    FILE is .npz, .safetensors, or PyTorch's .pth, .pt or .ckpt. If it has several states, the last one is read. Prints
    which array became which weights. Then analyze and detect work as on any run.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("rule", "add") in RULES and "modulus" not in given:
        raise click.UsageError("--modulus is needed: how many tokens the network has")
    if repeats and not pairs:
        raise click.UsageError("--repeats is for the labels of --pairs")
    run, lines = networks.import_network(file, run_dir, parse_maps(maps), layout, pairs, repeats, **given)
    told = [] if pairs else ["Its training pairs are not known: pairs are split as minimod train splits them."]
    told.append("The rows called untrained are of a network that minimod has drawn.")
    data = {"directory": str(run_dir), "config": run.config.to_dict(), "arrays": lines}
    return Answer(data, ["\n".join([*lines, *told]), written(run_dir)])


@click.command(cls=OnceEach)
@run_argument
@click.argument("file", type=FILE)
@click.option("--epoch", type=click.IntRange(0), help="Take the snapshot after this epoch, see train --snapshots.")
def export(run_dir: Path, file: Path, epoch: int | None) -> None:
    """Write a run's network for others.

    FILE ends in .npz or .safetensors (arrays U, V, W, mu), or in .pth or .pt (a PyTorch state dict of Linear layers).
    Or it ends in .csv: every pair with its labels and part, as --pairs reads them, and the network's answer.
    """
    run = load_run(run_dir, epoch)
    check_output("file", file, run_dir)
    if file.suffix.lower() == ".csv":
        save_columns(file, networks.predictions(run))
    else:
        write_network(run.network, file)
    click.echo(f"Written to {file}.")


@click.command(cls=OnceEach)
@click.argument("name")
@json_option
def group(name: str) -> Answer:
    """Describe a group, or a table of your own.

    NAME is Z12, D6, Q8, S4, A5, SL(2,5), GL(2,3), Z7:Z3, a product as Z2^3 or Z2xS4, or table:FILE. Prints classes,
    characters and the components that filtration keeps. For a table, prints whether it is a group, a Latin square or
    neither.
    """
    path = table_path(name)
    try:
        name = name if path else canonical_name(name)
    except ValueError as error:
        raise InputError("group", name, f"a name as --help has them, or table:FILE ({error})") from error
    rule = make_rule(name, table=load_table(path) if path else None)
    found: dict[str, Any] = {"name": rule.name, "order": rule.modulus, "kind": kind_of(rule)}
    if isinstance(rule, GroupRule):
        found |= facts(rule.group)
    characters = found.get("characters")
    split = {} if characters is None else {"characters": {"real": characters.real, "imaginary": characters.imag}}
    return Answer(found | split, group_text(found))
