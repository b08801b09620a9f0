"""Print the lines of code of each layer of the package, its limit and aim; exit with 1 where one is above its limit.

A line of code is a line with code on it: blank lines, comments and docstrings do not count. In templates every line
counts that is not blank. The heart's limit is a promise. The aims are the design's. A layer that is above its aim has
the size that it has as its limit: lower the limit in the commit that makes the layer smaller. A commit that makes it
larger says why.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "minimod"

HEART, DOORS = "heart", ("__init__.py", "__main__.py", "version.py")
AIMS = {
    HEART: 750, "engine": 470, "groups": 430, "runs": 1220, "analysis": 950, "discovery": 500, "sweeps": 420,
    "exchange": 260, "claims": 1000, "report": 1150, "cli": 830, "doors": 60,
}
LIMITS = AIMS | {
    "engine": 482, "groups": 431, "runs": 1855, "analysis": 1253, "discovery": 799, "sweeps": 544, "exchange": 532,
    "claims": 1162, "report": 2276, "cli": 1202, "doors": 77,
}
TOTAL_AIM, TOTAL_LIMIT = 8000, 11362

WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def lines_of_code(path: Path) -> int:
    """How many lines of a file have code on them."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return sum(bool(line.strip()) for line in text.splitlines())
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            docstrings |= {*range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)}
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            code |= {*range(token.start[0], token.end[0] + 1)}
    return len(code - docstrings)


def room_of(path: Path) -> str:
    """The layer that a file belongs to."""
    first, *rest = path.relative_to(PACKAGE).parts
    return first if rest else "doors" if first in DOORS else HEART


sizes = dict.fromkeys(LIMITS, 0)
for path in PACKAGE.rglob("*"):
    if path.is_file() and "__pycache__" not in path.parts:
        sizes[room_of(path)] += lines_of_code(path)
table = [(room, sizes[room], limit, AIMS[room]) for room, limit in LIMITS.items()]
table.append(("all", sum(sizes.values()), TOTAL_LIMIT, TOTAL_AIM))
print(f"{'layer':12}{'lines':>6}{'limit':>6}{'aim':>6}")
for room, size, limit, aim in table:
    print(f"{room:12}{size:6}{limit:6}{aim:6}{'  above its limit' if size > limit else ''}")
sys.exit(any(size > limit for _, size, limit, _ in table))
