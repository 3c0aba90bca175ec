"""poolcli explain: the view in colour and without, the document, and what cannot be explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, Process, save_picture

import poolcli
from poolcli.cli.study_table import STUDIES


def lines(text: str) -> list[str]:
    """Lines without the spaces at their ends."""
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def map_of_missing(tmp_path: Path) -> Path:
    """3 x 3 floats with a NaN and a nodata value."""
    np.save(tmp_path / "map.npy", np.array([[5, 1, np.nan], [0, 7, 2], [7, 3, 4]], np.float32))
    return tmp_path / "map.npy"


def test_the_window_in_its_neighbourhood(here: Call, map_of_missing: Path) -> None:
    """Signs say which positions are in the window, which wins, which are left out, where there is nothing."""
    found = here("explain", map_of_missing, "max -k 2x3 -s 1 --padding 0x1 --nodata 0", "--at", "1,0")
    assert found.code == 0
    grid = [line.split() for line in lines(found.out)]
    assert ["0", ".", "5", "1", "nan"] in grid
    assert ["1", "[.]", "{0}", ">7<", "2"] in grid
    assert ["2", "[.]", "[7]", "[3]", "4"] in grid
    assert "[ ] in the window   > < the winner   { } in the window, left out   . no sample there" in lines(found.out)
    assert "  the largest; it is there twice, and the first wins" in lines(found.out)
    assert any(re.fullmatch(r"winner +H 1, W 1, index 4 in its plane", line) for line in lines(found.out))


def test_the_arithmetic_and_the_rounding(here: Call, grey: Path) -> None:
    """Formula, numbers, exact value, and the picture's own type as its command would have it."""
    found = here("explain", grey, "avg -k 3 -s 2 --padding 1", "--at", "0,-1")
    assert lines(found.out)[-9:] == [
        "avg: sum x / n", "    (3 + 4 + 5 + 9 + 10 + 11) / 6", "  = 42 / 6", "  = 7",
        "  divided by 6, the samples that are present", "", "samples          6 present of 9 positions",
        "before rounding  7", "after            7  uint8: a whole number, nothing to round"]
    found = here("explain", grey, "avg -k 2 --round half-even")
    assert "= 17.5" in found.out or "rounded half-even to" in found.out


def test_what_samples_count_for(here: Call, grey: Path) -> None:
    """A second grid where they differ, and none where they do not."""
    assert "[11.1%] [22.2%]" not in here("explain", grey, "avg -k 2").out
    shown = here("explain", grey, "blur -k 3", "--at", "0,0").out
    assert "What each sample counts for (w / sum w, binomial):" in shown and "[6.25%] [12.5%] [6.25%]" in shown


def test_masks_and_weights(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files as of the reducer's command, said in the grid, on the page too; what is wrong, or unknown, is one line."""
    monkeypatch.chdir(tmp_path)
    x, mask = np.arange(16.0).reshape(4, 4), np.ones((4, 4), np.uint8)
    mask[0, 1] = 0
    weights = np.arange(16).reshape(4, 4) % 3
    for name, array in (("x", x), ("m", mask), ("i", mask == 0), ("w", weights), ("l", mask[:2])):
        np.save(f"{name}.npy", array)
    shown = here("explain", "x.npy", "avg -k 2", "--at", "0,0", "--mask", "!i.npy", "--weights", "w.npy").out
    assert "(1*4 + 2*5) / (1 + 2)" in shown and "2 present of 4 positions" in shown and "{ } in the window" in shown
    found = json.loads(here("explain", "x.npy", "max -k 2", "--at", "0,0", "--mask", "m.npy", "--json").out)
    assert [found["state_names"][k] for row in found["states"] for k in row] == ["present", "masked"] + ["present"] * 2
    for words, said in ((["explain", "--mask", "l.npy"], "--mask l.npy: the mask has the shape 2x4"),
                        (["explain", "--weights", "w.npy"], "--weights: mean nothing to max"),
                        (["explain", "--mask", "l.npy", "--html", "p.html"], "--mask l.npy: the mask has the shape"),
                        (["explain", "--mask", "x.npy", "--html", "p.html"], "a mask is of whole numbers or bool"),
                        (["compare", "--weights", "m.npy"], "--weights: goes with the commands of reducers, with "),
                        *(([name, "--mask", "m.npy"], f"; {name} {row.all_samples}; ")
                          for name, row in STUDIES.items() if row.all_samples),
                        (["shift", "--weights", "w.npy"], "--weights: goes with the commands of reducers, with")):
        done = here(*words, "x.npy", "max -k 2")
        assert done.code in (1, 2) and said in done.err and done.err.count("\n") == 1
    done = here("chain", "x.npy", "max -k 2 --mask m.npy", "-o", "y.npy")
    assert (done.code, done.err.count("\n")) == (2, 1) and '--mask m.npy": --mask: goes with the commands' in done.err
    assert not Path("p.html").exists()
    words = ["explain", "x.npy", "avg -k 2", "--mask", "m.npy", "--weights", "w.npy", "--html", "p.html"]
    assert here(*words).code == 0 and '"mask": {"kind": "Uint8"' in Path("p.html").read_text()
    assert here("explain", "x.npy", "avg --scale 1.5", "--html", "q.html").code == 0
    assert '"stretch": {"size": 3, "unit": 2}' in Path("q.html").read_text()


def test_the_document(here: Call, map_of_missing: Path) -> None:
    """The dataclass: null where there is nothing, states by number and name."""
    found = json.loads(here("explain", map_of_missing, "avg -k 2 --padding 1", "--at", "0,1", "--json").out)
    assert found["study"] == "explain" and found["steps"] == ["a NaN is in the window, and NaN wins (--nan propagate)"]
    found = json.loads(here("explain", map_of_missing, "avg -k 2 --padding 1 --nan ignore", "--at", "0,1",
                            "--json").out)
    assert found["values"] == [[None, None], [1.0, "nan"]]
    assert [[found["state_names"][k] for k in row] for row in found["states"]] == [
        ["padding", "padding"], ["present", "NaN, ignored"]]
    assert found["result"] == found["value"] == 1.0 and found["axes"][0]["start"] == -1


def test_kept_axes(here: Call) -> None:
    """--channel and --batch choose the plane; volumes show slice by slice."""
    found = json.loads(here("explain", SAMPLES / "maps.npz", "--key", "early", "--layout", "NCHW", "--channel", "2",
                            "--batch", "-1", "max -k 3", "--json").out)
    want = poolcli.pool(np.load(SAMPLES / "maps.npz")["early"], "max", size=3, layout="NCHW")
    assert found["cell"][:2] == [1, 2] and found["result"] == want[tuple(found["cell"])]
    shown = here("explain", SAMPLES / "volume.npy", "max", "--layout", "DHW", "--at", "5,7,7").out
    assert "D 10\n" in shown and "D 11\n" in shown


def test_labels_stay_labels(here: Call) -> None:
    """Of a palette picture mode has the indices, as its command pools them."""
    found = json.loads(here("explain", SAMPLES / "labels.png", "mode -k 5", "--at", "3,7", "--json").out)
    assert found["layout"] == "HW" and found["result"] == 6


def test_narrow_and_long(process: Process, tmp_path: Path) -> None:
    """A pipe has no colour, a terminal of 60 columns no line beyond it; the middle of large windows is left out."""
    save_picture(tmp_path / "large.png", np.arange(120 * 100, dtype=np.uint8).reshape(120, 100))
    found = process("explain", "large.png", "avg --global", env={"COLUMNS": "60"})
    assert found.returncode == 0 and b"\x1b" not in found.stdout
    assert max(map(len, found.stdout.decode().splitlines())) < 140
    assert "..." in found.stdout.decode()


def test_colours_come_with_a_terminal() -> None:
    """Each sign has its colour, and NO_COLOR leaves the signs."""
    from io import StringIO

    from rich.console import Console

    from poolcli.cli.display.window_grids import WindowGrids

    x = np.array([[1, 3], [2, 4]])
    for colours in ("truecolor", None):
        page = StringIO()
        console = Console(file=page, width=60, force_terminal=True, color_system=colours)
        console.print(WindowGrids(poolcli.explain(x, "max"), x))
        assert ("48;2;246;201;69" in page.getvalue()) == (colours is not None)
        assert ">4<" in page.getvalue() and "[1]" in page.getvalue()
        assert all(len(line) <= 60 for line in re.sub(r"\x1b\[[\d;]*m", "", page.getvalue()).splitlines())


def test_the_page_is_written_whole(here: Call, process: Process, grey: Path) -> None:
    """To a file that is not there yet, or to a pipe with the view on standard error; never over the input."""
    out = grey.with_name("page.html")
    assert here("explain", grey, "avg -k 2", "--html", out).code == 0
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "avg -k 2 of " in text and '"picture": true' in text
    assert "exists" in here("explain", grey, "avg -k 2", "--html", out).err
    assert here("explain", grey, "max -k 2", "-o", out, "--overwrite").code == 0
    assert "max -k 2 of " in out.read_text(encoding="utf-8")
    assert "is the input" in here("explain", grey, "--html", grey, "--overwrite").err
    piped = process("explain", grey, "--html", "-")
    assert piped.returncode == 0 and piped.stdout.endswith(b"</html>\n") and b"max: max x" in piped.stderr


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["--at", "9,0"], 1, "grey.png: there is no window 9 of axis H; 0 to 1 would work, or -1 from the end"),
    (["--at", "1"], 1, "grey.png: at names 1 index, but HW are pooled; 0,1 would work"),
    (["--at", "a,b"], 2, "--at: 'a,b' is no place; Y,X such as 3,5 or -1,-1 would work"),
    (["--at", "1,,1"], 2, "--at: '1,,1' is no place"),
    (["--channel", "1"], 1, "grey.png: channel 1 was asked for, but layout HW has no axis C"),
    (["--batch", "x"], 2, "--batch: 'x' is no whole number"),
    (["max", "avg"], 2, "STAGE: takes one pooling, not 2"),
    (["max -k 9"], 1, "grey.png: a window of 9 does not fit an axis of 4"),
])
def test_errors(here: Call, grey: Path, arguments: list[str], code: int, said: str) -> None:
    """One line that says what would work."""
    found = here("explain", grey, *arguments)
    assert (found.code, found.out) == (code, "") and said in found.err and found.err.count("\n") == 1
