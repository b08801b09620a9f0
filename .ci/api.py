"""Print docs/api.md, the Python API, from signatures and docstrings: python .ci/api.py > docs/api.md

By the standard library alone: tools that read sources know nothing of what the options of a run say of themselves, nor
of the `field: text` in the docstrings of this package's classes.
"""

import ast
import inspect
import re
import textwrap
from dataclasses import fields
from importlib import import_module

import minimod
from minimod import errors
from minimod.runs.config import CONSTRAINTS

# What is not in `minimod.__all__`, but in a run, or returned.
RETURNED = (
    "data.Dataset", "arrays.Pairs", "rules.Rule", "fourier.Filtration", "runs.accuracy.Accuracies",
    "analysis.structure.Structure", "analysis.masking.Curves", "analysis.self_training.Round", "discovery.search.Found",
    "runs.training.State",
)

# What signatures and docstrings call by name: assignments, shown with the comments above them.
NAMED = (
    "arrays.Array", "runs.metrics.Metrics", "sweeps.table.TableRow", "runs.training.Callback",
    "runs.training.CHECKPOINT_EVERY", "runs.metrics.THRESHOLDS", "analysis.analysis.AnyRun",
    "analysis.self_training.Answers", "analysis.self_training.Display",
    "discovery.synchronisation.SHARING", "discovery.retrieval.SOURCES", "network.TRAINED", "fourier.COMPONENT_CHOICES",
    "runs.config.PRESETS",
)

PAGE = """\
# The Python API

What `from minimod import ...` has; the [page on runs](run-directory.md#in-python) shows it in use. P is the
modulus, M the width of a network. This page is made from signatures and docstrings: `python .ci/api.py > docs/api.md`.

{contents}
- [Tables](#tables): {table_names}
- [What they return](#what-they-return): {returned_names}
- [Errors](#errors)
- [Names in signatures](#names-in-signatures)

{public}

## Tables

A table is a dictionary; an entry more is known to options, help, columns and tests.

| table | in | entries |
|---|---|---|
{tables}

## What they return

{returned}

## Errors

All are in `minimod.errors`.

{errors}

## Names in signatures

```python
{named}
```"""


def parse(thing):
    """The source of a class or a function, and its syntax tree."""
    source = textwrap.dedent(inspect.getsource(thing))
    return source, ast.parse(source).body[0]


def signature(function):
    """As it stands in the source, less `self`."""
    source, node = parse(function)
    text = "\n".join(source.splitlines()[node.lineno - 1 : node.body[0].lineno - 1])
    return re.sub(r"\((self|cls)(, )?", "(", text.removeprefix("def ").removesuffix(":"))


def section(thing, level):
    """A function; or a class with its fields, properties and methods."""
    title, text = f"{level} {thing.__name__}", inspect.getdoc(thing)
    if not inspect.isclass(thing):
        return "\n\n".join([title, f"```python\n{signature(thing)}\n```", text])
    declared = declarations(thing)
    text, items = split_fields(text, declared)
    members = []
    for name, member in vars(thing).items():
        function = getattr(member, "fget", getattr(member, "__func__", member))     # of properties and class methods
        if inspect.isfunction(function) and not name.startswith("_"):
            line = " ".join(signature(function).split())
            if isinstance(member, property):
                line = line.replace("() -> ", ": ")
            kind = " (class method)" * isinstance(member, classmethod)
            members += [f"**`{line}`**{kind}", inspect.getdoc(function)]
    listed = option_table() if thing is minimod.TrainingConfig else "\n".join(items)
    where = f"In `{thing.__module__}`." * (thing.__name__ not in minimod.__all__)
    return "\n\n".join(filter(None, [title, where, text, listed, *members]))


def declarations(thing):
    """The fields of a class: name -> type and default, as they stand in the source."""
    found = {}
    for node in parse(thing)[1].body:
        if isinstance(node, ast.AnnAssign):
            default = "" if node.value is None or isinstance(node.value, ast.Call) else f" = {ast.unparse(node.value)}"
            found[node.target.id] = f"`{node.target.id}: {ast.unparse(node.annotation)}{default}`"
    return found


def split_fields(text, declared):
    """A docstring less what it says of fields, and an item for each of these, or for those that it describes together.

    It does so as `name: text` or `name, name: text`, up to the next of these or the end of the paragraph.
    """
    if not declared:
        return text, []
    names, prose, said = "|".join(declared), [], {}
    for paragraph in text.split("\n\n"):
        before, *found = re.split(rf"(?<!\S)((?:{names})(?:, (?:{names}))*):\s", paragraph)
        prose += [before.strip()] * bool(before.strip())
        said |= zip(found[::2], (f": {' '.join(words.split())}" for words in found[1::2]), strict=True)
    together = {name: key for key in said for name in key.split(", ")}
    keys = dict.fromkeys(together.get(name, name) for name in declared)
    items = ["- " + ", ".join(declared[name] for name in key.split(", ")) + said.get(key, "") for key in keys]
    return "\n\n".join(prose), items


def option_table():
    """The options of a run: default, what each may be, and what `--help` says of it."""
    lines = ["| option | default | may be | what it is |", "|---|---|---|---|"]
    for each in fields(minimod.TrainingConfig):
        constraint = CONSTRAINTS[each.name]
        default = f"`None`: {constraint.none}" if constraint.none else f"`{each.default!r}`"
        lines.append(f"| `{each.name}` | {default} | {constraint} | {each.metadata['help']} |")
    return "\n".join(lines)


def assignment(path):
    """An assignment of a module, as it stands there, and the comment above it."""
    module, name = path.rsplit(".", 1)
    lines = inspect.getsource(import_module(f"minimod.{module}")).splitlines()
    (node,) = (each for each in ast.parse("\n".join(lines)).body if ast.unparse(each).startswith(f"{name} = "))
    first = node.lineno - 1
    while lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : node.end_lineno])


def home_of(name):
    """The module that has a public name."""
    return next(module for module, names in minimod._HOMES.items() if name in names.split())


def first_sentence(thing):
    """Up to the first full stop, semicolon or colon."""
    return re.match(r".*?(?=[.;:](\s|$))", inspect.getdoc(thing).split("\n\n")[0], re.DOTALL)[0].replace("\n", " ")


tables = {name: getattr(minimod, name) for name in sorted(minimod.__all__) if name.isupper() and name != "SGD"}
public = [getattr(minimod, name) for name in sorted(minimod.__all__) if name not in tables]
returned = [getattr(import_module(f"minimod.{module}"), name) for module, name in (p.rsplit(".", 1) for p in RETURNED)]
raised = [each for each in vars(errors).values() if inspect.isclass(each) and each.__module__ == errors.__name__]
print(PAGE.format(
    contents="\n".join(f"- [`{each.__name__}`](#{each.__name__.lower()}): {first_sentence(each)}" for each in public),
    table_names=", ".join(f"`{name}`" for name in tables),
    tables="\n".join(
        f"| `{name}` | `minimod.{home_of(name)}` | {', '.join(map(str, table))} |" for name, table in tables.items()
    ),
    returned_names=", ".join(f"[`{each.__name__}`](#{each.__name__.lower()})" for each in returned),
    public="\n\n".join(section(each, "##") for each in public),
    returned="\n\n".join(section(each, "###") for each in returned),
    errors="\n".join(
        f"- `{each.__name__}({each.__base__.__name__})`: {' '.join(inspect.getdoc(each).split())}" for each in raised
    ),
    named="\n\n".join(map(assignment, NAMED)),
))
