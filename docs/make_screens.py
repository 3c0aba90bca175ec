"""Makes the screenshots of the commands that look inside, as SVG: python docs/make_screens.py [FOLDER]

Each is what the command shows in a terminal, run on the samples. A new one is a line of SCREENS.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from poolcli.cli.analysis.study import Study

HERE = Path(__file__).parent
WIDTH = 100
SCREENS: dict[str, str] = {
    "chain": 'poolcli chain "max -k 2" "avg -k 3 -s 2" sample_images/image.png -o out/chain.png',
    "pyramid": "poolcli pyramid sample_images/image.png --levels 5 -o out/levels/",
    "plan": 'poolcli plan 224x224x3 "max -k 3 -s 2 --padding 1" "avg -k 3 -s 2"',
    "explain": "poolcli explain sample_images/image.png 'avg -k 3 -s 2 --padding 1' --at 131,0",
    "group": "poolcli group sample_images/feature_map.npy --over rot4 'max -k 3 -s 2'",
    "bounds": 'poolcli bounds sample_images/noisy.png --eps 2 "median --adaptive 2"',
    "grad": 'poolcli grad sample_images/noisy.png "max -k 3 -s 2"',
    "shift": "poolcli shift sample_images/image.png",
    "compare": "poolcli compare sample_images/image.png -k 4",
}
"""The picture's name, and the command; it is run beside the samples."""
PAGE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own page without the fonts that it would fetch from the network."""


def screen(command: str) -> str:
    """The command's view as SVG, the command itself as its title."""
    _, name, *words = shlex.split(command)
    module = import_module(f"poolcli.cli.analysis.{name}_command")
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    for part in parts(module.STUDY, words) if hasattr(module, "STUDY") else [printed(name, words)]:
        console.print(part)
    return console.export_svg(title=command, theme=MONOKAI, code_format=PAGE, unique_id=name)


def parts(study: Study, words: list[str]) -> Sequence[Any]:
    """What a study shows."""
    with study.command().make_context(f"poolcli {study.name}", words) as context:
        given = dict(context.params)
        return study.answer(study.make_context(given.pop("arguments"), given)).parts()


def printed(name: str, words: list[str]) -> Text:
    """What another command prints."""
    done = subprocess.run([sys.executable, "-m", "poolcli", name, *words], check=True, capture_output=True, text=True)
    return Text(done.stdout.rstrip())


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "images").resolve()
    with tempfile.TemporaryDirectory() as away:  # what the commands write is not kept
        (Path(away) / "sample_images").symlink_to(HERE.parent / "sample_images")
        os.chdir(away)
        for name, command in SCREENS.items():
            (folder / f"{name}.svg").write_text(screen(command), encoding="utf-8")
