"""The papers hold: commands run, examples print what they say, tables are the code's, links lead somewhere.

README commands run word by word in a copy of the samples, in the environment that ``env -i`` leaves; only what installs
is a stub there.
"""

from __future__ import annotations

import doctest
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from surroundings import scrubbed, unusual

from poolcli import report
from poolcli.cli import error_messages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAPERS = ("README.md", "CONTRIBUTING.md", "DESIGN.md", "CHANGELOG.md", "sample_images/README.md", *PAGES)
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = FENCED.findall(README)
SCRIPTS = [text for language, text in BLOCKS if language in ("sh", "console")]
LESSONS = [(page, text) for page in PAGES
           for language, text in FENCED.findall((ROOT / page).read_text(encoding="utf-8")) if language == "sh"]
"""What the pages in docs let the reader try."""
SHOWN = [(text, after) for (language, text), (shows, after) in pairwise(BLOCKS)
         if language == "sh" and shows == "text"]


def stub(path: Path, text: str) -> None:
    """A program of one line."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The samples, and a virtual environment that is there already: installing and testing do nothing."""
    shutil.copytree(ROOT / "sample_images", tmp_path / "sample_images")
    programs, made = tmp_path / "programs", tmp_path / ".venv" / "bin"
    for folder in (programs, made):
        folder.mkdir(parents=True)
        stub(folder / "poolcli", f'exec "{sys.executable}" -m poolcli "$@"')
    stub(programs / "python3", f'[ "$*" = "-m venv .venv" ] || exec "{sys.executable}" "$@"')
    for name in ("pip", "pytest", "activate"):
        stub(made / name, ":")
    return tmp_path


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A block of commands, which must all succeed."""
    path = os.pathsep.join([str(folder / "programs"), os.environ["PATH"]])
    env = scrubbed(os.environ) | {"PATH": path}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)


def timeless(text: str) -> list[str]:
    """The words of each line; the time, and what moves with its length, is no matter."""
    return [re.sub(r" [\d.]+ m?s$|─+", "", " ".join(line.split())) for line in text.splitlines()]


def need_extras(script: str) -> None:
    """Skip where a line needs a library that is not there."""
    for extra, library in (("zarr", "zarr"), ("dask", "distributed")):
        if EXTRAS[extra] in script:
            pytest.importorskip(library, reason=f'the extra is missing: pip install "poolcli[{extra}]"')


@pytest.mark.parametrize("script", SCRIPTS, ids=range(1, len(SCRIPTS) + 1))
def test_readme_commands_run(script: str, checkout: Path) -> None:
    """Every line of every block, as it stands, with exit code 0."""
    need_extras(script)
    done = run(script, checkout)
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("page", "script"), LESSONS)
def test_commands_of_the_pages_run(page: str, script: str, checkout: Path) -> None:
    """As those of the README; what needs a cluster or an account there is ```bash, and does not run here."""
    need_extras(script)
    done = run(script, checkout)
    assert done.returncode == 0, f"{page}\n{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("script", "shown"), SHOWN)
def test_readme_output_is_what_is_printed(script: str, shown: str, checkout: Path) -> None:
    """What the README shows below a command, the time apart."""
    assert timeless(run(script, checkout).stdout) == timeless(shown)


def test_readme_has_both_commands_and_all_outputs() -> None:
    """Lest a renamed block silence the tests above."""
    assert len(SCRIPTS) > 10 and len(SHOWN) == 4
    assert "pip install . " in SCRIPTS[0] and "[test]" in SCRIPTS[1]


def test_python_examples_print_what_they_say() -> None:
    """Every pycon block, in order, in one namespace."""
    text = "\n".join(text for language, text in BLOCKS if language == "pycon")
    done = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0))
    assert done.attempted > 5 and done.failed == 0


FOLLOW = runpy.run_path(str(ROOT / ".ci" / "follow"))
EXTRAS = {"zarr": ".zarr ", "dask": "--scheduler", "cloud": "://"}
"""What in a line tells that it needs an extra."""


def test_ci_follows_the_readme_word_by_word() -> None:
    """Every block, each in some step: what CI passes is what the README promises."""
    assert [text for text, _ in FOLLOW["blocks"](README)] == SCRIPTS
    steps = re.findall(r"^python3 \.ci/follow (.*)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    ends = sorted(tuple(map(int, step.split())) for step in steps)
    assert ends == [(1, 1), (2, 2), (3,)]


@pytest.mark.parametrize("paper", ["README.md", *PAGES])
def test_lines_that_need_an_extra_have_it_said_before_them(paper: str) -> None:
    """The text just above says which, as the command that installs it, and above no other lines."""
    for script, installs in FOLLOW["blocks"]((ROOT / paper).read_text(encoding="utf-8")):
        needed = [f'pip install ".[{extra}]"' for extra, sign in EXTRAS.items() if sign in script]
        assert installs == needed, script


def test_scrubbed_environments_hold_nothing_unusual() -> None:
    """PYTHONUNBUFFERED let a line of the README pass that fails everywhere else."""
    assert unusual(os.environ) == []
    found = dict.fromkeys(("PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "POOLCLI_CACHE_DIR", "POOLCLI_SIZE", "NO_COLOR"))
    assert unusual(found) == ["PYTHONUNBUFFERED", "POOLCLI_SIZE", "NO_COLOR"]
    assert scrubbed({"PATH": "a", "PYTHONUNBUFFERED": "1", "LD_PRELOAD": "b"}) == {"PATH": "a"}


def test_tables_are_the_codes() -> None:
    """``python docs/make_tables.py`` would change nothing."""
    assert runpy.run_path(str(ROOT / "docs" / "make_tables.py"))["renewed"](README) == README


def test_the_picture_of_the_rooms_is_the_codes() -> None:
    """``python docs/make_rooms.py`` would change nothing, and DESIGN.md shows it."""
    script = runpy.run_path(str(ROOT / "docs" / "make_rooms.py"))
    assert script["PICTURE"].read_text(encoding="utf-8") == script["draw_rooms"]()
    assert set(script["PURPOSES"]) == set(script["find_rooms"]())
    assert "](docs/images/rooms.svg)" in (ROOT / "DESIGN.md").read_text(encoding="utf-8")


def test_exit_codes_are_the_codes() -> None:
    """Each has its row."""
    codes = [report.OK, report.FAILED, error_messages.USAGE, report.SOME_FAILED, report.NOTHING,
             error_messages.INTERRUPTED,
             error_messages.READER_GONE]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == codes


def test_environment_variables_are_listed() -> None:
    """Each that the code reads is in the README."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "poolcli").rglob("*.py"))
    read = set(re.findall(r'"((?:POOLCLI|NUMBA|OMP)_[A-Z_]+)"', text))
    assert read >= {"POOLCLI_THREADS", "POOLCLI_CACHE_DIR"}
    assert [name for name in sorted(read) if f"`{name}" not in README] == []


def anchor(heading: str) -> str:
    """The name that a heading gets on the web."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("paper", PAPERS)
def test_links_lead_somewhere(paper: str) -> None:
    """Files that exist, and headings that exist."""
    text = (ROOT / paper).read_text(encoding="utf-8")
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = link.partition("#")
        if "://" in link:
            continue
        assert (ROOT / paper).parent.joinpath(name).exists(), f"{paper} links to {link}"
        assert name or heading in anchors, f"{paper} has no heading {heading}"


PICTURES: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))["PICTURES"]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_what_the_script_makes(name: str) -> None:
    """Pixel by pixel but for the letters, which follow Pillow's font."""
    made = np.asarray(PICTURES[name]()).astype(int)
    kept = np.asarray(Image.open(ROOT / "docs" / "images" / f"{name}.png")).astype(int)
    assert made.shape == kept.shape
    assert (made != kept).any(axis=2).mean() < 0.05
