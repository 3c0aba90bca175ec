"""``poolcli bench``: what pooling costs on this machine, in copies of its input."""

from __future__ import annotations

from typing import Any

import click

_WIDTHS = (44, 10, 10, 8)
_NOTE = """\
Each work beside a plain copy of its input, in turns, the least time of each. 1 copy: as fast as memory allows.
"""


def _bench(quick: bool, as_json: bool) -> int:
    """Print a line for each work as it ends, or all of it as one JSON document."""
    from .. import bench
    from ..engine import threads

    found = bench.figures(quick)
    if as_json:
        import json

        document = {"schema": 1, **_describe_machine(), "threads": threads.count_threads(), "quick": quick,
                    "figures": [{"work": f.row.name, "ms": f.own, "copy_ms": f.copy, "ratio": f.ratio} for f in found]}
        click.echo(json.dumps(document, indent=1))
        return 0
    click.echo(f"{', '.join(f'{name} {value}' for name, value in _describe_machine().items())}, "
               f"threads {threads.count_threads()}\n{_NOTE}")
    click.echo(_align_cells("work", "ms", "copy ms", "copies"))
    for f in found:
        click.echo(_align_cells(f.row.name, f"{f.own:.2f}", f"{f.copy:.2f}", f"{f.ratio:.2f}"))
    if quick:
        click.echo("\nA quick round is a look, no measurement: smaller arrays, which fit into caches, and few turns.")
    return 0


def _describe_machine() -> dict[str, Any]:
    """What the figures depend on."""
    import platform

    import numpy

    from .. import __version__

    return {"poolcli": __version__, "python": platform.python_version(), "numpy": numpy.__version__,
            "machine": f"{platform.system()} {platform.machine()}"}


def _align_cells(*cells: str) -> str:
    """Text to the left, numbers to the right."""
    return cells[0].ljust(_WIDTHS[0]) + "".join(c.rjust(w) for c, w in zip(cells[1:], _WIDTHS[1:], strict=True))


command = click.Command(
    "bench", callback=_bench, help="Measure pooling on this machine, in copies of the input. Takes about a minute, and "
    "compiles what it needs first.",
    params=[click.Option(["--quick"], is_flag=True, help="A quarter of the samples, few turns: a look."),
            click.Option(["--json", "as_json"], is_flag=True, help="One JSON document instead of the table.")],
)
