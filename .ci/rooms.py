"""Print the lines of code of each layer of the package beside its limit; exit with 1 where one is above it.

A line of code is a line with code on it: blank lines, comments and docstrings do not count. In templates every line
counts that is not blank. Where a limit turns out wrong, move it in a commit that says why, and take it from another
layer: the heart's limit and the total are promises.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "minimod"

HEART, DOORS = "heart", ("__init__.py", "__main__.py", "version.py")
LIMITS = {
    HEART: 750, "engine": 470, "groups": 430, "runs": 1220, "analysis": 950, "discovery": 500, "sweeps": 420,
    "exchange": 260, "claims": 1000, "report": 1150, "cli": 830, "doors": 60,
}
TOTAL = 8000

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
above = [room for room, limit in LIMITS.items() if sizes[room] > limit]
for room, limit in LIMITS.items():
    print(f"{room:12}{sizes[room]:6}{limit:6}{'  above' if room in above else ''}")
total = sum(sizes.values())
print(f"{'all':12}{total:6}{TOTAL:6}{'  above' if total > TOTAL else ''}")
sys.exit(bool(above) or total > TOTAL)
