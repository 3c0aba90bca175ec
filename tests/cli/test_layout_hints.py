"""Arrays whose shape does not say where their channels are: an error with the commands to choose from."""

from __future__ import annotations

import pickle
import shlex
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, Process, names, save_picture

import poolcli
from poolcli.core.axes import guess_layout
from poolcli.errors import LayoutError

UNCLEAR = [(2, 8, 15, 17), (8, 15, 17), (3, 32, 32), (16, 16, 5), (16, 16, 16), (4, 4, 4), (1, 512, 4, 4),
           (2, 3, 4, 8, 8)]
CLEAR = {(6, 5, 4): "HWC", (2, 15, 17, 3): "NHWC", (1, 5, 5, 1): "NHWC", (7, 8, 1): "HWC", (9, 8, 7, 6, 4): "NDHWC",
         (5, 4, 3): "HWC", (4,): "L", (3, 9): "HW"}


@pytest.fixture
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An array of unclear shape, in the folder where commands are called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POOLCLI_LAYOUT", raising=False)
    np.save("maps.npy", np.arange(2 * 8 * 15 * 17, dtype=np.float32).reshape(2, 8, 15, 17))
    return tmp_path / "maps.npy"


@pytest.mark.parametrize("shape", UNCLEAR)
def test_an_unclear_shape_needs_a_layout(shape: tuple[int, ...]) -> None:
    """PoolError names layout= and two layouts, and each of them works."""
    with pytest.raises(poolcli.PoolError, match="layout=") as caught:
        poolcli.pool(np.zeros(shape), size=1)
    with pytest.raises(poolcli.PoolError, match="layout="):
        poolcli.plan(shape)
    for letters in caught.value.layouts:  # type: ignore[attr-defined]
        assert letters in str(caught.value)
        assert poolcli.pool(np.zeros(shape), size=1, layout=letters).shape == shape


@pytest.mark.parametrize("shape", CLEAR)
def test_a_clear_shape_needs_none(shape: tuple[int, ...]) -> None:
    """Few channels last, and one or two axes."""
    assert guess_layout(shape) == CLEAR[shape]
    assert poolcli.plan(shape, size=1).axes.letters == CLEAR[shape]


def test_the_error_passes_between_processes() -> None:
    """With its shape and layouts."""
    error = pickle.loads(pickle.dumps(LayoutError((3, 32, 32), ("CHW", "HWC"))))
    assert error.shape == (3, 32, 32)
    assert error.layouts == ("CHW", "HWC")
    assert 'layout="DHW"' in str(error)


def offered(err: str) -> list[list[str]]:
    """The commands in a line of error, as words."""
    _, _, rest = err.partition("first or last: ")
    assert rest, err
    first, second = rest.partition(" would work")[0].split(") or ")
    return [shlex.split(one.rpartition(" (")[0]) for one in (first, second)]


def test_the_commands_offered_work_as_they_are(here: Call, maps: Path) -> None:
    """Exit code 2, nothing written; each offered line is the user's own with a layout, and does it."""
    failed = here("max", "-k", "2", "-q", maps.name, "-o", "my results.npy")
    assert (failed.code, failed.out, failed.err.count("\n")) == (2, "", 1)
    assert failed.err.startswith("poolcli: maps.npy: 2x8x15x17 may have its channels first or last: ")
    assert names(maps.parent) == ["maps.npy"]
    shapes = []
    for words in offered(failed.err):
        assert words[:2] == ["poolcli", "max"]
        done = here(*words[1:], "--overwrite")
        assert (done.code, done.err) == (0, "")
        shapes.append(np.load("my results.npy").shape)
    assert shapes == [(2, 8, 7, 8), (2, 4, 7, 17)]


def test_of_several_inputs_the_command_takes_the_one(here: Call, maps: Path) -> None:
    """The others are written: exit code 3, and the offered line leaves them alone."""
    np.save("grey.npy", np.zeros((4, 4)))
    save_picture(maps.parent / "tiny.png", np.zeros((2, 2, 3), np.uint8))
    failed = here("max", "-qk", "2", "grey.npy", "maps.npy", "tiny.png", "-o", "out/")
    assert failed.code == 3
    assert names(maps.parent / "out") == ["grey.npy", "tiny.png"]
    for words in offered(failed.err):
        assert words[-1] == "maps.npy"
        assert not {"grey.npy", "tiny.png"} & set(words)
    assert here(*offered(failed.err)[0][1:]).code == 0
    assert np.load("out/maps.npy").shape == (2, 8, 7, 8)


def test_of_a_chain_the_command_keeps_its_stages(here: Call, maps: Path) -> None:
    """Reducers are no inputs."""
    failed = here("chain", "max -k 2", "avg", "--size", "2", "maps.npy", "-o", "out/", "-q")
    np.save("grey.npy", np.zeros((4, 4)))
    of_two = here("chain", "max -k 2", "avg", "--size", "2", "maps.npy", "grey.npy", "-o", "more/", "-q")
    for words in (*offered(failed.err), *offered(of_two.err)):
        assert {"max -k 2", "avg"} <= set(words)
        assert here(*words[1:], "--overwrite").code == 0


def test_where_all_need_one_the_code_is_2(here: Call, maps: Path) -> None:
    """As for one file; 1 where another reason is among them."""
    np.save("other.npy", np.zeros((8, 9, 10)))
    called = here("max", "maps.npy", "other.npy", "-o", "out/")
    assert called.code == 2
    assert "2 failed: needs --layout" in called.out
    assert here("max", "maps.npy", "gone.npy", "-q", "-o", "out/").code == 1


def test_pictures_never_need_one(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of any size is HWC, and POOLCLI_LAYOUT is not about it."""
    picture = save_picture(tmp_path / "tiny.png", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    for value in ("", "CHW"):
        monkeypatch.setenv("POOLCLI_LAYOUT", value)
        for command in (["max"], ["explain"], ["compare", "max"], ["group", "--over", "flips"],
                        ["bounds", "--eps", "1"], ["grad"],
                        ["chain", "max -k 1", "-o", tmp_path / "chained.png", "--overwrite"]):
            called = here(*command, picture, "-q", *(["--overwrite"] if command == ["max"] else []))
            assert (called.code, called.err) == (0, ""), command


@pytest.mark.parametrize("arguments", [
    ["explain", "maps.npy", "max -k 3"], ["plan", "2x8x15x17", "max"], ["plan", "maps.npy"], ["grad", "maps.npy"],
    ["plan", "2x8x15x17", "--target", "4x4"], ["compare", "maps.npy"], ["group", "maps.npy", "--over", "flips"],
    ["shift", "maps.npy", "max -k 2"], ["bounds", "maps.npy", "--eps", "1"], ["pyramid", "maps.npy", "--levels", "1"],
    ["unpool", "maps.npy", "--spread", "nearest"], ["chain", "max -k 2", "maps.npy"],
    ["convert-indices", "maps.npy", "--shape", "2x8x30x34", "-o", "new.npy"]])
def test_studies_ask_too(here: Call, maps: Path, arguments: list[str]) -> None:
    """Exit code 2, and both commands name the study and a layout."""
    failed = here(*arguments, "-q")
    assert (failed.code, failed.out, failed.err.count("\n")) == (2, "", 1)
    found = offered(failed.err)
    assert [words[:2] for words in found] == [["poolcli", arguments[0]]] * 2
    assert [words[words.index("--layout") + 1] for words in found] == ["NCHW", "NHWC"]


@pytest.mark.parametrize("arguments", [
    ["max", "maps.npy"], ["explain", "maps.npy", "max -k 3"], ["plan", "2x8x15x17", "max"], ["grad", "maps.npy"],
    ["compare", "maps.npy"], ["shift", "maps.npy", "max -k 2"], ["chain", "max -k 2", "maps.npy"],
    ["pyramid", "maps.npy", "--levels", "1"]])
def test_the_environment_says_it_once(here: Call, maps: Path, monkeypatch: pytest.MonkeyPatch,
                                      arguments: list[str]) -> None:
    """POOLCLI_LAYOUT, of which the one with as many letters as the array has axes is taken."""
    monkeypatch.setenv("POOLCLI_LAYOUT", "CHW, NCHW")
    assert here(*arguments, "-q").code == 0
    if arguments[0] == "max":
        assert np.load("maps_max.npy").shape == (2, 8, 7, 8)


def test_the_option_comes_before_the_environment(here: Call, maps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the environment's letters are checked; the library does not look there."""
    monkeypatch.setenv("POOLCLI_LAYOUT", "NCHW")
    assert here("max", "-q", "--layout", "NHWC", "maps.npy", "-o", "a.npy").code == 0
    assert np.load("a.npy").shape == (2, 4, 7, 17)
    with pytest.raises(poolcli.PoolError, match="layout="):
        poolcli.pool(np.load("maps.npy"))
    monkeypatch.setenv("POOLCLI_LAYOUT", "NCHH")
    called = here("max", "maps.npy")
    assert (called.code, called.err) == (2, "poolcli: POOLCLI_LAYOUT: layout NCHH names an axis twice\n")


def test_pipes_and_streams_ask_too(process: Process, maps: Path) -> None:
    """Nothing of an unclear array goes on."""
    called = process("max", "-k", "2", "-", "-o", "-", stdin=maps.read_bytes())
    assert (called.returncode, called.stdout) == (2, b"")
    assert b"poolcli max --layout NCHW -k 2 - -o -" in called.stderr


def test_processes_of_their_own_ask_too(here: Call, maps: Path) -> None:
    """--isolate gives the same line and code."""
    called = here("max", "-q", "--isolate", "maps.npy", "-o", "x.npy")
    assert called.code == 2
    assert offered(called.err)[0] == shlex.split("poolcli max --layout NCHW -q --isolate maps.npy -o x.npy")


def test_chunked_arrays_ask_too(here: Call, maps: Path) -> None:
    """Zarr without names of axes, and .npy into it."""
    pytest.importorskip("zarr")
    assert here("max", "-q", "maps.npy", "-o", "x.zarr").code == 2
    assert here("max", "-q", "--layout", "NCHW", "-k", "1", "maps.npy", "-o", "x.zarr").code == 0
    assert here("max", "-q", "x.zarr", "-o", "y.npy").code == 2
    assert here("max", "-q", "x.zarr", "-o", "y.npy", "--layout", "NCHW").code == 0


def test_dask_arrays_ask_too() -> None:
    """As arrays in memory."""
    dask = pytest.importorskip("dask.array")
    with pytest.raises(poolcli.PoolError, match='layout="NCHW"'):
        poolcli.pool(dask.zeros((2, 8, 15, 17)))
