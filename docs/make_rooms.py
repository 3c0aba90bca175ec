"""Draws the rooms of poolcli and who imports whom, for DESIGN.md: python docs/make_rooms.py [--check]

A room is a folder or a module of ``poolcli/``. It stands above all rooms that it imports; an arrow that follows from
others is left out. With --check nothing is written, and the exit code is 1 where the picture is not what the code says.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "poolcli"
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
WIDTH, HEIGHT, GAP, ROW = 164, 44, 12, 92
"""Of a box, between two boxes, and from row to row, in pixels."""
PURPOSES = {
    "analysis": "what poolings do to values", "batch": "many files, one job each", "bench": "rows of poolcli bench",
    "chunked": "arrays in boxes and slabs", "cli": "options, tables, exit codes", "colour": "averages of light",
    "core": "tables, windows, plans, types", "drawing": "heat maps, contact sheets", "drivers": "choose kernels",
    "engine": "runs a plan", "errors": "PoolError", "files": "reads and writes", "jit": "machine code, kept",
    "kernels": "loops over flat buffers", "masked": "masked arrays", "optional_deps": "libraries of extras",
    "pooling": "pool() and plan()", "progress": "how far an array is", "redact": "names, printable",
    "report": "what was done, as values", "pandas": "Series", "valid_samples": "masks, weights",
    "warmup": "compiles in advance", "xarray": "DataArrays",
}
"""What each room is for, in a few words."""
STYLE = ("text{font:14px sans-serif;text-anchor:middle;fill:#1b2a41}.small{font-size:11px;fill:#52606d}"
         ".folder{fill:#eef4fb;stroke:#1f5fae}.module{fill:#fff8e6;stroke:#b7791f}"
         "line{stroke:#8795a1;stroke-width:1.2;marker-end:url(#tip)}")


def find_rooms() -> dict[str, list[Path]]:
    """Return the files of each room, by its name."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        if len(parts) > 1 or path.stem not in ("__init__", "__main__"):
            rooms.setdefault(parts[0].removesuffix(".py"), []).append(path)
    return rooms


def find_imports(path: Path, rooms: Mapping[str, object]) -> Iterator[str]:
    """Yield the rooms that a file imports from."""
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) + 1 - node.level], *(node.module or "").split(".")]
            first = [part for part in base if part][:1]
            yield from (name for name in (first or [alias.name for alias in node.names]) if name in rooms)


def import_graph() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    rooms = find_rooms()
    return {room: {name for path in paths for name in find_imports(path, rooms)} - {room}
            for room, paths in rooms.items()}


def find_levels(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Return each room's distance from the ground: one more than that of the highest room it imports."""
    levels: dict[str, int] = {}

    def level(room: str) -> int:
        if room not in levels:
            levels[room] = 1 + max((level(name) for name in graph[room]), default=-1)
        return levels[room]

    for room in graph:
        level(room)
    return levels


def reduce_graph(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows that do not follow from others."""
    def below(room: str) -> set[str]:
        return graph[room].union(*(below(name) for name in graph[room]))

    return {room: names - set().union(*(below(name) for name in names)) for room, names in graph.items()}


def place_boxes(levels: Mapping[str, int], arrows: Mapping[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return the middle of each room's box; in a row rooms stand in the order of what they rest on."""
    rows: dict[int, list[str]] = {}
    for room, level in sorted(levels.items()):
        rows.setdefault(level, []).append(room)
    wide = max(map(len, rows.values())) * (WIDTH + GAP)
    places: dict[str, tuple[float, float]] = {}
    for level, row in sorted(rows.items()):
        def centre(room: str) -> float:
            found = [places[name][0] for name in arrows[room] if name in places]
            return sum(found) / len(found) if found else 0
        row.sort(key=lambda room: (centre(room), room))
        left = (wide - len(row) * (WIDTH + GAP)) / 2
        for i, room in enumerate(row):
            places[room] = left + (i + 0.5) * (WIDTH + GAP), (max(rows) - level + 0.5) * ROW
    return places


def draw_rooms() -> str:
    """Return the picture as SVG."""
    rooms, graph = find_rooms(), import_graph()
    arrows = reduce_graph(graph)
    levels = find_levels(graph)
    places = place_boxes(levels, arrows)
    parts = [draw_arrow(places[room], places[name]) for room in sorted(arrows) for name in sorted(arrows[room])]
    parts += [draw_box(room, places[room]) for room in sorted(rooms)]
    wide = max(x for x, _ in places.values()) + (WIDTH + GAP) / 2
    high = (max(levels.values()) + 1) * ROW
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" role="img" '
        'aria-label="The rooms of poolcli; arrows lead to what a room imports">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#8795a1"/></marker></defs>',
        *parts, "</svg>", ""])


def draw_box(room: str, place: Sequence[float]) -> str:
    """Return a box: the room's name, and what it is for."""
    x, y = place
    kind, name = ("folder", f"{room}/") if (PACKAGE / room).is_dir() else ("module", f"{room}.py")
    return (f'<rect class="{kind}" x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" '
            f'rx="6"/><text x="{x:g}" y="{y:g}">{name}</text>'
            f'<text class="small" x="{x:g}" y="{y + 15:g}">{escape(PURPOSES[room])}</text>')


def draw_arrow(start: Sequence[float], end: Sequence[float]) -> str:
    """Return an arrow from the foot of a box to the head of another."""
    return (f'<line x1="{start[0]:g}" y1="{start[1] + HEIGHT / 2:g}" x2="{end[0]:g}" y2="{end[1] - HEIGHT / 2:g}"/>')


def main() -> int:
    """Write or check."""
    new = draw_rooms()
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(new, encoding="utf-8")
    elif not PICTURE.exists() or new != PICTURE.read_text(encoding="utf-8"):
        print("docs/images/rooms.svg is not what the code says; python docs/make_rooms.py renews it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
