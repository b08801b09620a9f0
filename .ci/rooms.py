"""Print the lines of each room of the package beside its budget in rooms.toml; exit with 1 above the total."""

import sys
import tomllib
from pathlib import Path

here = Path(__file__).parent
package = here.parent / "minimod"
budget = tomllib.loads((here / "rooms.toml").read_text())


def lines(path: Path) -> int:
    """The lines of a file, or of all that is written by hand in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(len(each.read_text().splitlines()) for each in files if "__pycache__" not in each.parts)


rooms = {room: sum(lines(package / name) for name in room.split()) for room in budget["rooms"]}
for room, n in rooms.items():
    first, *others = room.split()
    print(f"{first + ' ...' * bool(others):20}{n:6}{budget['rooms'][room]:6}")
total = lines(package)
print(f"{'all':20}{total:6}{budget['total']:6}")
if sum(rooms.values()) != total:
    sys.exit("a file of the package is in no room of .ci/rooms.toml")
sys.exit(total > budget["total"])
