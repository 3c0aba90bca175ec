"""Every command that writes: an output that is a URL is written there, or refused before any work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from cli.calls import Call, save_picture
from cli.test_options import commands

from poolcli.core.reducers import REDUCERS

WRITES = ("output", "indices", "heat", "map")
"""Options that name a file to write."""
READS = {"unpool": ("indices",)}
"""But not in these commands, where they name one to read."""

REDUCER = [["x.npy", "-k", "2", "-o", "{}/y.npy"], ["x.png", "x.npy", "-k", "2", "-o", "{}/out/"],
           ["v.npy", "--layout", "DHW", "-k", "2", "-o", "{}/y.zarr"]]
CALLS: dict[str, list[list[str]]] = {
    **dict.fromkeys(("max", "avg"), REDUCER),
    "chain": [["max -k 2", "x.npy", "-o", "{}/y.npy"], ["max -k 2", "x.npy", "x.png", "-o", "{}/out/"]],
    "stats": [["max", "avg", "x.npy", "-o", "{}/out/"], ["max", "avg", "x.npy", "--stack", "-o", "{}/y.npy"]],
    "fractions": [["i.npy", "--layout", "NCHW", "-k", "2", "-o", "{}/y.npy"]],
    "haar": [["x.npy", "-o", "{}/y.npy"]],
    "pyramid": [["x.png", "-o", "{}/levels/"], ["x.png", "-o", "{}/{{stem}}_{{level}}{{ext}}"],
                ["x.png", "-o", "{}/y.tif"],
                ["x.npy", "-o", "{}/levels"], ["x.npy", "--hypercolumn", "-o", "{}/y.npy"],
                ["x.npy", "--spp", "1,2", "-o", "{}/y.npy"], ["v.npy", "--layout", "DHW", "-o", "{}/y.zarr"],
                ["{}/there.npy"], ["{}/there.npy", "--hypercolumn"], ["{}/there.npy", "--spp", "1,2"]],
    "compare": [["x.png", "-k", "2", "max", "avg", "-o", "{}/y.png"]],
    "shift": [["x.png", "-k", "2", "max", "-o", "{}/y.png"], ["x.png", "-k", "2", "max", "-o", "{}/y.npy"]],
    "bounds": [["x.npy", "--eps", "1", "max -k 2", "-o", "{}/y.npy", "--heat", "{}/y.png"],
               ["x.npy", "--eps", "1", "max -k 2", "-o", "{}/{{bound}}.npy"]],
    "explain": [["x.npy", "max -k 2", "-o", "{}/y.html"]],
    "group": [["x.npy", "--over", "rot4", "max -k 2", "-o", "{}/y.npy"]],
    "grad": [["x.npy", "max -k 2", "-o", "{}/y.npy", "--map", "{}/y.png"]],
    "unpool": [["x.npy", "--spread", "average", "-k", "2", "-o", "{}/y.npy"],
               ["x.npy", "--spread", "average", "-k", "2", "-o", "{}/out/"],
               ["{}/there.npy", "--spread", "average", "-k", "2"]],
    "convert-indices": [["i.npy", "--to", "onnx", "--shape", "1x3x8x8", "--layout", "NCHW", "-o", "{}/y.npy"]],
}
"""Calls of commands with URLs for their outputs. Reducers share one body; two of them stand for all."""


def writes(command: click.Command) -> bool:
    """Whether a command has an option that names a file to write."""
    reads = READS.get(command.name or "", ())
    return any(one.name in WRITES and one.name not in reads for one in command.params)


def test_every_command_that_writes_is_tried() -> None:
    """A command that is added has its line in the table."""
    assert {one.name for one in commands() if writes(one)} - REDUCERS.keys() == CALLS.keys() - REDUCERS.keys()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store in this process with one array, and a folder of inputs that is the current one."""
    fsspec = pytest.importorskip("fsspec", reason='needs fsspec: pip install "poolcli[cloud]"')
    system = fsspec.filesystem("memory")
    system.store.clear()
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(64.0).reshape(8, 8))
    np.save("v.npy", np.arange(512.0).reshape(8, 8, 8))
    np.save("i.npy", np.zeros((1, 3, 4, 4), np.int64))
    save_picture(Path("x.png"), np.arange(64, dtype=np.uint8).reshape(8, 8))
    system.pipe_file("/there/there.npy", Path("x.npy").read_bytes())
    yield system
    system.store.clear()


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, calls in CALLS.items() for words in calls])
def test_a_url_is_written_or_refused(here: Call, store: Any, tmp_path: Path, name: str, words: list[str]) -> None:
    """No folder that is called memory: appears here; exit 0 means that the objects are there."""
    before = sorted(tmp_path.rglob("*"))
    code, _, err = here(name, *(word.format("memory://there") for word in words))
    assert sorted(tmp_path.rglob("*")) == before
    found = set(store.find("/there")) - {"/there/there.npy"}
    assert bool(found) is (code == 0), (code, err, found)
    assert code == 0 or (err.count("\n") == 1 and err.startswith("poolcli: "))
    assert not any("//" in one for one in found)
