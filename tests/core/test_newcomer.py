"""A reducer and a windowing that are rows and nothing else, added at run time: everything serves or refuses them.

What a row cannot give fails here. ``logmean`` says nothing of itself but its formula and its core.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from math import exp, log
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import pytest

import poolcli
from poolcli import REDUCERS, WINDOWINGS, PoolError, files, warmup
from poolcli.cli.display import run_view
from poolcli.cli.main import program, run
from poolcli.core.reducers import Reducer
from poolcli.core.windowings import Windowing, WindowOptions
from poolcli.core.windows import Windows
from poolcli.files import formats
from poolcli.files.formats import Format
from poolcli.kernels.double_double import Pair, widen
from poolcli.kernels.general import Window

HALVES = 77
"""The size that asks for the new windowing: no other has windows of so many samples on these axes."""
X = np.random.default_rng(2).integers(1, 200, (8, 12)).astype(np.uint8)
STUDIES: dict[str, Callable[[str], Any]] = {
    "pool": lambda name: poolcli.pool(X, name), "group": lambda name: poolcli.group(X, name, over="rot4"),
    "chain": lambda name: poolcli.chain(X, [name, "max"]), "pyramid": lambda name: poolcli.pyramid(X, name, levels=2),
    "compare": lambda name: poolcli.compare(X, [name, "avg"]), "shift": lambda name: poolcli.shift(X, [name, "avg"]),
    "explain": lambda name: poolcli.explain(X, name, at=(1, 1)), "survey": lambda name: poolcli.survey((8, 12), name),
    "hypercolumn": lambda name: poolcli.hypercolumn(X, name, levels=1), "spp": lambda name: poolcli.spp(X, name)}


def geometric_mean(window: Window) -> Pair:
    """As CONTRIBUTING.md has a core written: of samples above 0."""
    s = 0.0
    for i in range(window.n):
        s += log(widen(window.x[window.base + i])[0])
    return exp(s / window.n), 0.0


WARMUP = "poolcli.cli.warmup_command"


@pytest.fixture(autouse=True)
def _rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The two rows, for the time of a test."""
    monkeypatch.setattr(warmup, "compile_all", lambda wanted, jobs: iter([None] * len(wanted)))
    monkeypatch.setattr(run_view, "COMPILING_AFTER", 600)  # whether a kernel is compiled is no matter of these tests
    row = Reducer("logmean", "The geometric mean.", "(prod x)^(1/n)", "float", geometric_mean)
    monkeypatch.setitem(cast(dict[str, Reducer], REDUCERS), "logmean", row)
    halves = Windowing("halves", "Two windows.", "[0, n/2), [n/2, n)", "--size 77", ("size",), build_halves,
                       lambda asked: asked.get("size") == HALVES)
    monkeypatch.setitem(cast(dict[str, Windowing], WINDOWINGS), "halves", halves)
    monkeypatch.delitem(sys.modules, WARMUP, raising=False)  # whose choices are the rows there were at its import
    yield
    sys.modules.pop(WARMUP, None)


def build_halves(options: WindowOptions, lengths: Any) -> tuple[Windows, ...]:
    """Two windows on each axis."""
    return tuple(Windows(n, range(0, n, n // 2), range(n // 2, n + 1, n // 2)) for n in lengths)


@pytest.mark.parametrize("study", STUDIES)
def test_studies_serve_a_reducer_of_which_nothing_is_known(study: str) -> None:
    """By its core."""
    assert STUDIES[study]("logmean") is not None


def test_its_values_are_those_of_its_formula() -> None:
    """In blocks, with missing samples, and in each kernel that may take it: the general one alone."""
    blocks = X.reshape(4, 2, 6, 2).astype(float)
    np.testing.assert_allclose(poolcli.pool(X, "logmean"), np.exp(np.log(blocks).mean(axis=(1, 3))), rtol=1e-12)


def test_what_needs_to_know_more_refuses() -> None:
    """Bounds certify nothing of it, and there is no gradient; both name the reducer."""
    with pytest.raises(PoolError, match="logmean has no certified bounds"):
        poolcli.bounds(X, X + 1, "logmean")
    with pytest.raises(PoolError, match="the gradient of logmean is not known"):
        poolcli.grad(X, "logmean")


def test_nothing_is_promised_of_it() -> None:
    """Copies are not reduced by it, errors against the samples compare unlike things, no level is exact."""
    assert poolcli.group(X, "logmean", over="rot4").by == "avg"
    assert not poolcli.compare(X, ["logmean"]).rows[0].on_scale
    assert not any(level.exact for level in poolcli.pyramid(X, "logmean", levels=2).levels[1:])


def test_studies_serve_a_windowing_of_which_nothing_is_known() -> None:
    """Its number of windows, its name and its count stand in the place of words that the row does not give."""
    halves = X.reshape(2, 4, 2, 6)
    np.testing.assert_array_equal(poolcli.pool(X, "max", size=HALVES), halves.max((1, 3)))
    found = poolcli.survey((8, 12), "max", size=HALVES).stages[0]
    assert (found.windowing, [axis.formula for axis in found.by_axis]) == ("halves", ["2", "2"])
    assert poolcli.chain(X, ["max"], size=HALVES).stages[0].windows == {"count": [2, 2]}
    assert poolcli.explain(X, "max", at=(1, 1), size=HALVES).result == X[4:, 6:].max()
    np.testing.assert_array_equal(poolcli.group(X, "avg", over="rot4", size=HALVES).values, halves.mean((1, 3)))
    assert [row.reducer for row in poolcli.compare(X, ["max"], size=HALVES).rows] == ["max"]
    with pytest.raises(PoolError, match="halves windows"):
        poolcli.shift(X, ["max"], size=HALVES)


def test_usual_poolings_are_compared_in_a_new_windowing() -> None:
    """The blur among them has wider windows only where windows have one size at one stride."""
    assert {row.shape for row in poolcli.compare(X, size=HALVES).rows} == {(2, 2)}


@pytest.mark.parametrize("reducer", ["max", "avg", "median", "logmean"])
def test_derivatives_of_a_new_windowing(reducer: str) -> None:
    """The gradient gives each window's share to its samples, or refuses a reducer; intervals hold each value."""
    values = poolcli.pool(X, reducer, size=HALVES)
    if reducer == "logmean":
        with pytest.raises(PoolError, match="logmean"):
            poolcli.grad(X, reducer, size=HALVES)
        return
    assert poolcli.grad(X.astype(float), reducer, size=HALVES).reshape(2, 4, 2, 6).sum((1, 3)).round(12).tolist() == [
        [1, 1], [1, 1]]
    found = poolcli.bounds(X, X, reducer, size=HALVES)
    assert (found.low <= values).all() and (values <= found.high).all()


def test_levels_and_unpooling_of_a_new_windowing() -> None:
    """A pyramid, its hypercolumn and the way back lie over the windows that there are."""
    halves = X.reshape(2, 4, 2, 6)
    values, indices = poolcli.pool(X, "max", size=HALVES, return_indices=True)
    back = poolcli.unpool(values, indices, output_shape=X.shape)
    assert back.sum() == values.sum() and (back[back > 0] == X[back > 0]).all()
    means = halves.mean((1, 3))
    np.testing.assert_array_equal(poolcli.unpool(means, spread="nearest", output_shape=X.shape, size=HALVES),
                                  means.repeat(4, 0).repeat(6, 1))
    levels = poolcli.pyramid(X, "avg", levels=1, size=HALVES).levels
    np.testing.assert_array_equal(levels[1].values, means)
    column = poolcli.hypercolumn(X, "avg", levels=1, size=HALVES)
    np.testing.assert_array_equal(column[..., 1], means.repeat(4, 0).repeat(6, 1))


ON_WINDOWS: dict[str, int] = {
    "max -k 77 x.npy -o y.npy": 0, "max -k 77 x.npy -o z.npy --indices i.npy --json": 0, "avg -k 77 x.npy -n": 0,
    "max -k 77 x.npy -o t.npy --csv": 0, "plan 8x12 'max -k 77'": 0, "plan 8x12 'max -k 77' --json": 0,
    "explain x.npy max -k 77 --at 0,1": 0, "explain x.npy max -k 77 --at 0,1 --json": 0,
    "explain x.npy 'logmean -k 77' --html page.html": 0,
    "compare x.npy 'max -k 77' 'avg -k 77' --json": 0, "chain x.npy 'max -k 77' avg -o c.npy --json": 0,
    "pyramid x.npy avg -k 77 --levels 1 --json": 0, "group x.npy avg -k 77 --over rot4 --json": 0,
    "bounds x.npy max -k 77 --eps 1 --json": 0, "grad x.npy max -k 77 --json": 0,
    "unpool v.npy --spread nearest -k 77 --output-shape 8x12 -o u.npy --json": 0,
    "fractions x.npy -k 77 -o f.npy --json": 0, "stats max avg -k 77 x.npy -o s/ --json": 0, "list": 0,
    "stats max avg -k 77 x.npy -n": 0, "shift x.npy 'max -k 77'": 1, "max -k 77 x.npy --pad-mode edge": 2,
    "max -k 77 -s 2 x.npy": 2,
}
ON_NO_WINDOWS = {"haar": "halves by definition", "convert-indices": "indices, and no windows",
                 "warmup": "windows of its own table", "bench": "work of its own table"}
"""Every command that takes windows or tells of them, with its exit code: 1 or 2 where more must be known of them than
the row says. Why the others do not."""


@pytest.mark.parametrize(("line", "code"), ON_WINDOWS.items())
def test_every_command_serves_or_refuses_a_new_windowing(line: str, code: int, monkeypatch: pytest.MonkeyPatch,
                                                         tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a whole document, or with one line that names it."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("v.npy", X[:2, :2])
    monkeypatch.setattr("sys.argv", ["poolcli", *shlex.split(line)])
    found, printed = run(), capsys.readouterr()
    assert found == code, printed
    if code:
        assert printed.err.count("\n") == 1 and "halves" in printed.err
    elif "--json" in line:
        json.loads(printed.out)
        assert printed.err == ""


def test_reports_name_a_new_windowing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """In the document, and in the table."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    for line in ("max -k 77 x.npy -o y.npy --json", "max -k 77 x.npy -o z.npy"):
        monkeypatch.setattr("sys.argv", ["poolcli", *line.split()])
        assert run() == 0
        text = capsys.readouterr().out
        assert json.loads(text)["files"][0]["windowing"] == "halves" if "--json" in line else "halves" in text


# A format that is a row, as CONTRIBUTING.md has it.

Call = Callable[..., tuple[int, str]]
SGI = Format("SGI", (".sgi",), frozenset({"L", "RGB", "RGBA"}), side=65_535, magic=(b"\x01\xda",),
             plugin=("SgiImagePlugin", "SgiImageFile"))


@pytest.fixture
def sgi(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row, for the time of a test; what is derived from the table follows."""
    pytest.importorskip("PIL.SgiImagePlugin")
    rows = {**formats.FORMATS, "SGI": SGI}
    endings = {ending: row for row in rows.values() for ending in row.endings}
    monkeypatch.setattr(formats, "_ROWS", tuple(rows.values()))
    derived = {"FORMATS": rows, "ENDINGS": endings, "KNOWN": tuple(endings), "in_folders": lambda: tuple(endings)}
    for module in [module for key, module in sys.modules.items() if key.startswith("poolcli")]:
        for name in derived.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, derived[name])


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line here: the exit code, and what it said on standard error."""
    def calling(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["poolcli", *map(str, arguments)])
        capsys.readouterr()
        return run(), capsys.readouterr().err
    return calling


@pytest.mark.parametrize("shape", [(8, 12), (8, 12, 3), (8, 12, 4)], ids=["L", "RGB", "RGBA"])
def test_a_format_is_read_and_written(sgi: None, call: Call, tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Every mode of its row, from its first bytes, as an output and in a batch; the default output has its ending."""
    array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    np.save(tmp_path / "x.npy", array)
    layout = "HWC"[: len(shape)]
    assert call("max", "-k", "1", "--layout", layout, tmp_path / "x.npy", "-o", tmp_path / "x.sgi", "-q") == (0, "")
    from PIL import Image

    with Image.open(tmp_path / "x.sgi") as image:
        assert image.format == "SGI"
        np.testing.assert_array_equal(np.asarray(image), array)
    assert call("max", "-k", "2", tmp_path / "x.sgi", "-q") == (0, "")
    assert call("max", "-k", "2", tmp_path, "-o", f"{tmp_path}/all/", "--include", "x.sgi", "-q") == (0, "")
    blocks = array.reshape(4, 2, 6, 2, *shape[2:]).max((1, 3))
    for path in (tmp_path / "x_max.sgi", tmp_path / "all" / "x.sgi"):
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), blocks)
    (tmp_path / "nameless").write_bytes((tmp_path / "x.sgi").read_bytes())
    assert files.read(tmp_path / "nameless").source.format == "SGI"


ON_FORMAT = (
    "max -k 2 x.sgi", "stats max avg -k 2 x.sgi --stack -o s.npy", "chain 'max -k 2' 'max -k 2' x.sgi -o c.sgi",
    "pyramid avg --levels 2 x.sgi -o levels/", "plan x.sgi 'max -k 2'", "compare max avg x.sgi -o sheet.sgi",
    "explain max -k 2 --at 0,0 x.sgi", "explain x.sgi 'max -k 2' --html page.html",
    "bounds max -k 2 --eps 1 x.sgi", "group avg -k 2 --over rot4 x.sgi -o g.sgi --dtype uint8",
    "fractions -k 2 x.sgi -o f.npy", "grad x.sgi avg --map m.sgi", "shift x.sgi max",
    "unpool x.sgi --spread nearest -k 2 --output-shape 16x16 -o u.sgi", "haar x.sgi -o bands.npz --low low.sgi",
    "convert-indices x.sgi --from torch --to onnx --shape 16x16 -o i.npy",
)
ON_NO_FORMAT = {"list": "reducers and windowings", "warmup": "no files", "bench": "no files"}
"""Every command that reads files, and why the others do not."""


@pytest.mark.parametrize("line", ON_FORMAT)
def test_commands_on_such_a_format(sgi: None, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                   line: str) -> None:
    """They serve it as any picture."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8)).astype(np.uint8)).save("x.sgi")
    code, said = call(*shlex.split(line), "-q")
    assert code == 0 and said == "", said


def test_what_the_row_does_not_say_is_left_out(sgi: None, tmp_path: Path) -> None:
    """A place, a profile, EXIF: nothing is written that the format may not hold, and what it cannot hold is refused."""
    with pytest.raises(PoolError, match="SGI cannot hold"):
        files.write(tmp_path / "x.sgi", np.zeros((4, 4), np.float32), files.ImageInfo("x", "NPY"))
    with pytest.raises(PoolError, match="SGI holds one picture"):
        files.write(tmp_path / "x.sgi", np.zeros((3, 4, 4), np.uint8), files.ImageInfo("x", "NPY", pages=3))
    info = files.ImageInfo("x", "PNG", "L", icc_profile=b"\0" * 16 + b"GRAY" + b"\0" * 108, lossy=True)
    assert files.write(tmp_path / "x.sgi", np.zeros((4, 4), np.uint8), info) == ()


COMMANDS = {
    "logmean x.npy -o out.npy --json": 0, "logmean x.npy -o table.npy --table": 0, "logmean x.npy --in-place -n": 0,
    "plan 8x12 logmean --json": 0, "explain x.npy logmean": 0, "explain x.npy logmean --json": 0,
    "compare x.npy logmean avg --json": 0, "chain x.npy logmean max -o chain.npy --json": 0,
    "pyramid x.npy logmean --levels 2 --json": 0, "group x.npy logmean --over rot4 --json": 0,
    "shift x.npy logmean --json": 0, "stats logmean max x.npy -o s/ --json": 0, "list --json": 0,
    "list": 0, "stats logmean max x.npy --stack -o s.npy": 0, "warmup logmean --dtype uint8": 0,
    "bounds x.npy logmean --eps 1": 1, "grad x.npy logmean": 1,
}
ON_NO_REDUCER = {"fractions": "shares", "unpool": "values that are pooled", "haar": "means and differences",
                 "convert-indices": "indices", "bench": "work of its own table"}
"""Every command that takes a reducer, and its exit code: 1 where more must be known than the row says; why the others
take none."""


@pytest.mark.parametrize(("lines", "others"), [
    (COMMANDS, ON_NO_REDUCER), (ON_WINDOWS, ON_NO_WINDOWS), (ON_FORMAT, ON_NO_FORMAT)],
    ids=["reducer", "windowing", "format"])
def test_no_command_is_left_out(lines: Iterable[str], others: dict[str, str]) -> None:
    """Each that the program lists is tried here, or has a reason why it takes nothing of the kind."""
    tried = {shlex.split(line)[0] for line in lines}
    assert tried.isdisjoint(others) and tried & {*REDUCERS}
    assert {*tried, *others} - {*REDUCERS} == {*program.list_commands(click.Context(program))} - {*REDUCERS}


@pytest.mark.parametrize(("line", "code"), COMMANDS.items())
def test_every_command_serves_or_refuses_a_new_reducer(line: str, code: int, monkeypatch: pytest.MonkeyPatch,
                                                       tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a whole document, or with one line that names it."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    monkeypatch.setattr("sys.argv", ["poolcli", *line.split()])
    found, printed = run(), capsys.readouterr()
    assert found == code, printed
    if code:
        assert printed.err.count("\n") == 1 and "logmean" in printed.err
    elif "--json" in line:
        assert "logmean" in json.dumps(json.loads(printed.out))


@pytest.mark.parametrize(("reducer", "keywords", "options"), [
    ("logmean", {"size": 3, "stride": 2}, "-k 3 -s 2"), ("max", {"size": HALVES}, "-k 77"),
    ("median", {"size": HALVES}, "-k 77")], ids=["reducer", "fold", "windowing"])
def test_chunks_and_streams_serve_what_is_new(reducer: str, keywords: dict[str, int], options: str,
                                              tmp_path: Path) -> None:
    """Box by box and slab by slab, with the values of one piece."""
    from io import BytesIO

    from poolcli.chunked.streaming import pool_stream
    from poolcli.files.arrays.npy import read_header
    from poolcli.pooling import parse_pooling

    wanted = poolcli.pool(X, reducer, **cast(Any, keywords))
    source, target = BytesIO(), BytesIO()
    np.save(source, X)
    source.seek(0)
    pooling = parse_pooling(reducer, **keywords)
    pool_stream(pooling, pooling.plan(X.shape), read_header(source), source, target)
    target.seek(0)
    assert np.load(target).tobytes() == wanted.tobytes()
    zarr = pytest.importorskip("zarr")
    zarr.create_array(tmp_path / "x.zarr", data=X, chunks=(3, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["poolcli", reducer, *options.split(), str(tmp_path / "x.zarr"), "-q", "-o",
                                   str(tmp_path / "y.zarr")])
        assert run() == 0
    assert zarr.open_array(tmp_path / "y.zarr", mode="r")[:].tobytes() == wanted.tobytes()


def test_bounds_by_traits_hold_against_random_and_corner_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its row says that it never falls and how far it rounds, no array between the ends leaves the bounds."""
    row = Reducer("logmean", "The geometric mean.", "(prod x)^(1/n)", "float", geometric_mean, monotone=True,
                  error_model="relative", result_range="samples")
    monkeypatch.setitem(cast(dict[str, Reducer], REDUCERS), "logmean", row)
    rng = np.random.default_rng(5)
    low = rng.uniform(1, 50, (6, 6))
    high = low + rng.uniform(0, 20, low.shape)
    found = poolcli.bounds(low, high, "logmean")
    corners = [np.where(rng.random(low.shape) < p, low, high) for p in (0.0, 0.5, 1.0) for _ in range(8)]
    for x in [*corners, *(rng.uniform(low, high) for _ in range(24))]:
        values = poolcli.pool(x, "logmean")
        assert (found.low <= values).all() and (values <= found.high).all()
