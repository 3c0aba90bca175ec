"""What ``--memory`` and ``--max-pixels`` refuse, by every kind of input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, Process
from PIL import Image

from poolcli.core import memory_budget as memory


@pytest.mark.parametrize("command", ["max -k 2 -o {out}", "max -k 2 -o {out} --isolate", "chain max max -o {out}",
                                     "compare", "explain"])
def test_a_picture_that_would_not_fit_is_one_line(tmp_path: Path, here: Call, command: str) -> None:
    """Before it is decoded, by every command that reads pictures; the limit is gone afterwards."""
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    Image.new("RGB", (1200, 1000)).save(source)
    first, *words = command.format(out=output).split()
    done = here(first, source, *words, "--memory", "5M")
    assert done.code == 1 and "a picture of 1200x1000 takes 9,600,000 bytes" in done.err
    assert memory.budget() > 5_000_000 and not output.exists()


def test_files_wait_for_each_other(tmp_path: Path, here: Call) -> None:
    """Four at once, of which one fits at a time: all are made, as one after another."""
    for number in range(4):
        Image.new("L", (500, 500), number).save(tmp_path / f"{number}.png")
    made = here("avg", "-k", "2", tmp_path, "-o", f"{tmp_path / 'out'}/", "--memory", "3M", "-j", "4", "-q")
    assert made.code == 0 and len(list((tmp_path / "out").iterdir())) == 4


def test_arrays_of_pipes_and_results_are_refused(tmp_path: Path, process: Process) -> None:
    """A file of an array is mapped, and costs nothing; what comes of it may."""
    np.save(tmp_path / "in.npy", np.zeros((1000, 1000), np.uint8))
    assert process("max", "-k", "2", "in.npy", "-o", "a.npy", "--memory", "800k").returncode == 0
    done = process("avg", "-k", "2", "-s", "1", "in.npy", "-o", "b.npy", "--memory", "800k")
    assert done.returncode == 1 and b"a result of shape 999x999 takes" in done.stderr
    stdin = (tmp_path / "in.npy").read_bytes()
    done = process("mode", "-k", "2", "-", "-o", "c.png", "--memory", "800k", stdin=stdin)
    assert done.returncode == 1 and b"an array of shape 1000x1000 takes 1,000,000 bytes" in done.stderr


@pytest.mark.parametrize("name", ["in.npy", "in.npz", "in.csv", "-", "1 2 3; 4 5 6"])
def test_arrays_of_more_samples_than_asked_for(tmp_path: Path, process: Process, name: str) -> None:
    """``--max-pixels`` holds for arrays where it is given."""
    x = np.arange(6).reshape(2, 3)
    np.save(tmp_path / "in.npy", x)
    np.savez(tmp_path / "in.npz", x)
    np.savetxt(tmp_path / "in.csv", x, "%d", ",")
    stdin = (tmp_path / "in.npy").read_bytes()
    assert process("max", "-k", "2", name, "-o", "a.npy", "--max-pixels", "6", stdin=stdin).returncode == 0
    done = process("max", "-k", "2", name, "-o", "b.npy", "--max-pixels", "5", stdin=stdin)
    assert done.returncode == 1 and b"6 samples are more than 5" in done.stderr
