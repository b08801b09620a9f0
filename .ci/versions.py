#!/usr/bin/env python3
"""Tell which rows, notebooks and pages in the repository were made by another version than this one."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = re.search(r'VERSION = "(.+)"', (ROOT / "minimod" / "version.py").read_text())[1]
SAID = re.compile(r"minimod (\d+\.\d+\.\d+)")

made = {path: json.loads(path.read_text())["minimod"] for path in (ROOT / "docs" / "rows").glob("*.json")}
for path in [ROOT / "docs" / "example-run.html", *(ROOT / "examples").glob("*.ipynb")]:
    found = SAID.search(path.read_text())
    made[path] = found[1] if found else "an unknown version"
others = {path: version for path, version in sorted(made.items()) if version != VERSION}
for path, version in others.items():
    print(f"{path.relative_to(ROOT)} is of {version}")
print(f"{len(others)} of {len(made)} rows, notebooks and pages are of another version than {VERSION}")
