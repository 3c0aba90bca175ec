"""The kernels of medians, quantiles and modes: networks and their programs, histograms, windows that slide."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import jit, pooling
from poolcli.drivers import histogram_driver, network_driver, network_tiles, policy, sliding_driver
from poolcli.drivers.fold import fold_driver
from poolcli.engine import run
from poolcli.kernels import order_statistics
from poolcli.kernels.network import codegen as network_codegen
from poolcli.kernels.network import graph as network_graph
from poolcli.kernels.network import interpreter as network_interpreter
from poolcli.kernels.network import program as network_program


def both(monkeypatch: pytest.MonkeyPatch, x: np.ndarray[Any, Any], reducer: str, **options: Any) -> None:
    """A kernel of its own runs, and gives what the general one gives."""
    monkeypatch.setattr(network_tiles, "MIN_SPLIT_WINDOWS", 0)
    taken = []

    def choose(work: Any) -> Any:
        taken.append(network_driver.choose(work) or histogram_driver.choose(work))
        return taken[-1]

    monkeypatch.setattr(run, "CHOICES", (choose,))
    pooling.cache_clear()
    quick = poolcli.pool(x, reducer, **options)
    monkeypatch.setattr(run, "CHOICES", (fold_driver.choose,))
    pooling.cache_clear()
    slow = poolcli.pool(x, reducer, **options)
    assert taken[0] is not None
    assert quick.dtype == slow.dtype
    np.testing.assert_array_equal(quick, slow)


def samples(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Values of the whole range, many of them twice; floats with NaN and infinities."""
    rng = np.random.default_rng(5)
    if dtype.startswith("float"):
        x = rng.integers(-9, 9, shape).astype(dtype) / 4
        x[rng.random(shape) < 0.02] = np.nan
        x[rng.random(shape) < 0.02] = np.inf
        return x
    bounds = np.iinfo(dtype)
    few = rng.integers(0, 4, shape)
    return np.where(rng.random(shape) < 0.5, rng.integers(bounds.min, bounds.max, shape), few).astype(dtype)


WINDOWS = [
    pytest.param({"size": 3, "stride": 1, "padding": "same"}, id="shared columns, clipped frame"),
    pytest.param({"size": 2}, id="every second sample"),
    pytest.param({"size": (3, 4), "stride": 3}, id="every third sample, columns shared"),
    pytest.param({"size": 3, "stride": 1, "dilation": 2, "padding": 2}, id="dilation"),
    pytest.param({"size": (5, 1), "stride": (2, 1), "ceil_mode": True}, id="columns of one"),
    pytest.param({"size": (1, 7), "stride": (1, 2)}, id="rows of one"),
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("reducer", ["median", "mode"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_networks_give_what_the_general_kernel_gives(dtype: str, reducer: str, options: Any,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """On one channel and on three, and over several strips of lanes."""
    kept = {"dtype": dtype} if dtype == "uint8" else {}
    both(monkeypatch, samples(dtype, (23, 29)), reducer, layout="HW", **options, **kept)
    both(monkeypatch, samples(dtype, (2, 9, 1500, 3)), reducer, layout="NHWC", **options, **kept)


@pytest.mark.parametrize("rounding", ["half-up", "half-even", "floor", "ceil"])
@pytest.mark.parametrize("q", [0.0, 0.25, 0.3, 1.0])
def test_quantiles_are_rounded_once(q: float, rounding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a share between two ranks has few bits, and where it has many."""
    both(monkeypatch, samples("uint8", (20, 21)), "quantile", size=2, stride=1, q=q, dtype="uint8", round=rounding)


@pytest.mark.parametrize("dtype", ["int8", "uint32", "int64", "float64"])
def test_medians_become_floats_exactly(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By doubles where they hold every value, by pairs of them where not."""
    both(monkeypatch, samples(dtype, (20, 21)), "median", size=2, stride=1, dtype="float64")


GENERATED_WINDOWS = [
    pytest.param("uint8", 1, {"size": 3, "stride": 1, "padding": "same"}, id="one channel, clipped frame"),
    pytest.param("float32", 3, {"size": (3, 2), "stride": 1, "q": 0.25}, id="three channels, NaN"),
    pytest.param("float32", 1, {"size": 2}, id="strided"),
    pytest.param("uint8", 1, {"size": 2, "q": 0.25, "dtype": "uint8", "round": "ceil"}, id="share as a constant"),
    pytest.param("uint8", 1, {"size": (2, 5), "stride": (1, 2), "q": 0.1}, id="strided and shared"),
]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the specs of generated kernels, which are made for arrays of any size."""
    monkeypatch.setattr(network_driver, "GENERATED", 0)
    made: list[Any] = []
    spec = network_driver.generate_spec
    monkeypatch.setattr(network_driver, "generate_spec", lambda *args: made.append(spec(*args)) or made[-1])
    return made


@pytest.mark.parametrize(("dtype", "channels", "options"), GENERATED_WINDOWS)
def test_generated_kernels_give_what_the_general_kernel_gives(dtype: str, channels: int, options: Any,
                                                              generated: list[Any],
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Over more than one strip, with a rest."""
    reducer = "quantile" if "q" in options else "median"
    both(monkeypatch, samples(dtype, (9, 4500 // channels, channels)), reducer, layout="HWC", **options)
    assert generated[0]


@pytest.mark.parametrize("shape", [(4, 10, 130), (3, 9, 66), (2, 4, 65), (2, 5, 4), (1, 3, 300)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_two_lines_at_a_time(dtype: str, shape: tuple[int, ...], generated: list[Any],
                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are even or odd in number, in one plane or more, of whole vectors or not, or one alone."""
    both(monkeypatch, samples(dtype, shape), "median", layout="NHW", size=3, stride=1, dtype=dtype)
    assert generated[0]
    assert network_codegen.text_of(*generated[0].parts[1:10]).lines[1:] or shape[1] == 3


def test_a_block_of_one_line_is_no_pair(generated: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing above it is read or written: the block is left to the network kernel."""
    monkeypatch.setattr(network_tiles, "BLOCK_WINDOWS", 2 * 98)
    both(monkeypatch, samples("uint8", (9, 100)), "median", size=3, stride=1, dtype="uint8")
    assert generated[0]


def test_a_plan_is_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another array of the same shape is cut as the first one, in the inside and four edges; another shape is not."""
    monkeypatch.setattr(network_tiles, "MIN_SPLIT_WINDOWS", 0)
    laid_out: list[Any] = []
    lay_out = network_tiles.NetworkTiles.lay_out
    monkeypatch.setattr(network_tiles.NetworkTiles, "lay_out",
                        lambda self, block, parts: laid_out.append(block) or lay_out(self, block, parts))
    for shape, wanted in (((20, 30), 5), ((20, 30), 5), ((20, 31), 10)):
        x = samples("uint8", shape)
        got = poolcli.pool(x, "median", size=3, stride=1, padding="same", dtype="uint8")
        assert got[1, 1] == np.median(x[:3, :3])
        assert len(laid_out) == wanted


PARTIAL_WINDOWS = [
    pytest.param((23, 70), {"size": 3, "stride": 1, "padding": "same"}, id="clipped at every side"),
    pytest.param((3, 2, 9, 40), {"size": 5, "stride": 2, "padding": 2, "layout": "NCHW"}, id="strided, clipped"),
    pytest.param((9, 40, 3), {"size": 3, "stride": 1, "dilation": 2, "padding": 3, "layout": "HWC"}, id="dilated"),
    pytest.param((7, 300), {"adaptive": (3, 70)}, id="windows of several sizes"),
    pytest.param((9, 41), {"fractional": 1.4, "overlapping": True, "seed": 3}, id="windows that lie at will"),
    pytest.param((40, 5, 6), {"size": 3, "stride": 1, "padding": "same", "layout": "NHW"}, id="across small planes"),
    pytest.param((60, 5, 2), {"size": 3, "stride": 1, "padding": "same", "layout": "HWC"}, id="down a thin picture"),
    pytest.param((5, 6), {"size": 9, "stride": 1, "padding": "same"}, id="larger than the picture"),
    pytest.param((4, 5, 21), {"size": 3, "stride": 1, "padding": "same", "layout": "DHW"}, id="three axes"),
]


@pytest.mark.parametrize(("shape", "options"), PARTIAL_WINDOWS)
@pytest.mark.parametrize("reducer", ["median", "mode"])
def test_windows_that_lack_samples(shape: tuple[int, ...], options: Any, reducer: str,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window takes the rank of the samples that it has: beyond a border, without nodata, without NaN."""
    x = samples("uint8", shape)
    both(monkeypatch, x, reducer, **options)
    both(monkeypatch, x, reducer, nodata=1, **options)
    y = samples("float32", shape)
    y[..., : shape[-1] // 3] = np.nan  # whole windows, too
    both(monkeypatch, y, reducer, nan="ignore", **options)
    both(monkeypatch, y, reducer, nodata=0.5, **options)


@pytest.mark.parametrize("q", [0.1, 0.25, 1.0])
def test_quantiles_of_what_is_present(q: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share between two ranks is that of each window's own count, rounded once."""
    options: dict[str, Any] = {"size": 3, "stride": 1, "padding": "same", "q": q}
    for rounding in ("half-up", "half-even", "ceil"):
        both(monkeypatch, samples("uint8", (20, 70)), "quantile", nodata=2, dtype="uint8", round=rounding, **options)
    both(monkeypatch, samples("float64", (20, 70)), "quantile", nan="ignore", **options)


def test_the_largest_value_is_no_sign_of_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 255 is a sample it counts, though missing samples are put in order as 255."""
    x = np.where(np.random.default_rng(0).random((20, 70)) < 0.6, 255, samples("uint8", (20, 70))).astype(np.uint8)
    for reducer in ("median", "mode"):
        both(monkeypatch, x, reducer, size=3, stride=1, padding="same", nodata=0)


def test_a_border_needs_one_program() -> None:
    """Clipped windows of 13x13 have one program between them, and its transpose; not one for each of 168 shapes."""
    network_program.partial_selection.cache_clear()
    network_program.tile_selection.cache_clear()
    poolcli.pool(samples("uint16", (80, 90)), "median", size=13, stride=1, padding="same", dtype="uint16")
    assert network_program.partial_selection.cache_info().misses == 1
    assert network_program.tile_selection.cache_info().misses == 1


LARGE_WINDOWS = [
    pytest.param("uint8", {"size": 19, "stride": 1, "padding": "same"}, {"dtype": "uint8"}, id="clipped frame"),
    pytest.param("int8", {"size": (10, 33), "stride": (2, 3), "q": 0.3}, {}, id="signed, strides, any rank"),
    pytest.param("uint8", {"size": 300, "stride": (1, 2), "padding": "same", "q": 0.1}, {"dtype": "uint8"},
                 id="windows beyond the picture"),
]


@pytest.mark.parametrize(("dtype", "options", "kept"), LARGE_WINDOWS)
def test_histograms_give_what_the_general_kernel_gives(dtype: str, options: Any, kept: Any,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """On planes with channels, in blocks of rows and columns."""
    monkeypatch.setattr(histogram_driver, "COLUMNS", 60)
    monkeypatch.setattr(histogram_driver, "BLOCK_WINDOWS", 100)
    reducer = "quantile" if "q" in options else "median"
    both(monkeypatch, samples(dtype, (2, 90, 70, 2)), reducer, layout="NHWC", **options, **kept)


@pytest.mark.parametrize(("shape", "size"), [((300, 40), (270, 9)), ((300, 290), (280, 270))], ids=str)
def test_histograms_of_many_samples(shape: tuple[int, int], size: tuple[int, int],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 255 in a column, more than 65,535 in a window: counts as large as they need."""
    both(monkeypatch, samples("uint8", shape), "quantile", size=size, stride=1, q=0.7, dtype="uint8")


@pytest.mark.parametrize(("size", "driver"), [(17, network_driver), (19, histogram_driver)])
def test_histograms_begin_where_they_are_faster(size: int, driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks serve windows of up to 300 samples, and what histograms do not."""
    taken: list[Any] = []
    choose = run.choose_kernel
    monkeypatch.setattr(run, "choose_kernel", lambda work: taken.append(choose(work)) or taken[-1])
    poolcli.pool(samples("uint8", (40, 41)), "median", size=size, stride=1, dtype="uint8")
    assert type(taken[0]).__module__ == driver.__name__


def test_lanes_run_down_where_windows_are_few_across(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tall picture has its lanes along H, also with planes and channels."""
    both(monkeypatch, samples("uint8", (2, 300, 4, 3)), "median", layout="NHWC", size=3, stride=1, padding="same",
         dtype="uint8")


@pytest.mark.parametrize(("shape", "size"), [((2, 3, 39, 40), 3), ((2, 8, 30, 31), 5), ((1, 16, 26, 24), 6)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_short_lines_are_done_together(shape: tuple[int, ...], size: int, dtype: str,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Few windows across and fewer planes: lanes run along W, several lines of them side by side."""
    task = pooling.prepare_cached(np.zeros(shape, dtype), "median", {"size": size, "layout": "NCHW"}, False)[1].work
    tiles = network_tiles.NetworkTiles(task)
    block = max(tiles.blocks(1))
    assert tiles.way(block) == "W" and tiles[block][0].geometry[network_interpreter.TOGETHER] > 1
    both(monkeypatch, samples(dtype, shape), "median", size=size, layout="NCHW", dtype=dtype)


def test_large_windows_in_short_lists_are_for_the_general_kernel() -> None:
    """Few irregular windows across would each take as long as a line of 256, where samples may be missing."""
    def chosen(columns: int, **options: Any) -> Any:
        x = np.zeros((9 * columns + 3, 14 * columns + columns // 2), np.uint8)
        return pooling.prepare_cached(x, "median", {"adaptive": columns, **options}, False)[1].choice
    assert not isinstance(chosen(9, nodata=3), network_driver.NetworkChoice)
    assert isinstance(chosen(40, nodata=3), network_driver.NetworkChoice)
    assert isinstance(chosen(9), network_driver.NetworkChoice)


UNEVEN_WINDOWS = [
    pytest.param((3, 16, 61), {"adaptive": (5, 26)}, id="two sizes an axis"),
    pytest.param((7, 9, 13), {"adaptive": (4, 5)}, id="across planes"),
    pytest.param((2, 33, 60), {"fractional": 1.7, "random": True, "seed": 5}, id="drawn"),
    pytest.param((2, 33, 60), {"fractional": 1.4, "overlapping": True, "seed": 3}, id="of one size, at will"),
]


@pytest.mark.parametrize(("shape", "options"), UNEVEN_WINDOWS)
def test_uneven_windows_have_a_program_for_each_size(shape: tuple[int, ...], options: Any,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of one size are side by side, whatever lies between them: nothing is counted, each has its result."""
    x = samples("uint8", shape)
    task = pooling.prepare_cached(x, "median", {"layout": "NHW", **options}, False)[1].work
    tiles = network_tiles.NetworkTiles(task)
    pieces = [piece for block in tiles.blocks(1) for piece in tiles[block]]
    assert all(piece.geometry[network_interpreter.STEPS] for piece in pieces)
    sizes = [np.unique(windows.present[1]).size for windows in task.windows]
    assert len(pieces) == len(tiles.blocks(1)) * np.prod(sizes)
    for reducer in ("median", "mode"):
        both(monkeypatch, x, reducer, layout="NHW", **options)
    both(monkeypatch, samples("float32", shape), "quantile", q=0.3, layout="NHW", nan="ignore", **options)


def test_nan_without_a_place_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block goes to the general kernel, which knows the error."""
    with pytest.raises(poolcli.PoolError, match="NaN"):
        poolcli.pool(samples("float32", (20, 21)), "median", size=2, stride=1, dtype="uint8")


@pytest.mark.parametrize("shape", [*product(range(1, 6), range(1, 6))], ids=str)
def test_programs_select_every_rank(shape: tuple[int, int]) -> None:
    """All zeros and ones: a network that orders these orders everything (Knuth's 0-1 principle), stride 1 and 2."""
    rows, columns = shape
    n = rows * columns
    rng = np.random.default_rng(n)
    windows = 40
    kernel = network_interpreter.make_kernel(network_interpreter.end_sample, 1, 0)
    for stride, rank in product((1, 2), {0, n // 3, n // 2, n - 1}):
        program = network_program.selection(rows, columns, stride, 1, rank, rank, floating=False)
        width = (windows - 1) * stride + columns
        x = rng.integers(0, 2, (rows, width)).astype(np.uint8)
        room = windows + program.reach + stride
        geometry = np.zeros(network_interpreter.RESULTS, np.int64)
        geometry[[network_interpreter.TILE_HIGH, network_interpreter.TILE_WIDE, network_interpreter.TOGETHER]] = 1
        geometry[:15] = [1, windows, 1, stride, 1, 1, windows, room, rows, len(program.code), *program.results[0],
                         *program.results[1], 0]
        out, zero = np.zeros(windows, np.uint8), np.zeros(1, np.int64)
        kernel(x.reshape(-1), out, program.code.reshape(-1), np.arange(rows) * width, zero, zero, zero, zero, geometry,
               np.zeros(5), np.zeros(4), np.zeros(2, np.uint8), np.zeros(1, np.uint8),
               np.zeros(program.slots * room + 8, np.uint8), np.zeros(1, np.int16))
        expected = [np.sort(x[:, i * stride : i * stride + columns], axis=None)[rank] for i in range(windows)]
        assert out.tolist() == expected


def test_columns_are_sorted_once() -> None:
    """Five columns of five cost 90 minima and maxima; without sharing between neighbours it would be 174 at least."""
    code = network_program.selection(5, 5, 1, 1, 12, 12, floating=False).code
    kinds = code[:, network_interpreter.KIND].tolist()
    made = {network_interpreter.BOTH: 2, network_interpreter.LESSER: 1, network_interpreter.GREATER: 1}
    assert sum(made.get(kind, 0) for kind in kinds) == 90


def test_the_cheaper_of_two_networks_is_taken() -> None:
    """Rows sorted too for the median of 3x3: 18, where merged columns take 22; not for 5x5: 90 and not 120."""
    for side, wanted in ((3, 18), (5, 90)):
        graph, [results] = network_graph.ranked(side, side, 1, 1, side * side // 2, side * side // 2, floating=False)
        needed = [graph.values[number].kind for number in network_graph.reaches(graph, results)]
        assert len(needed) - needed.count(network_interpreter.LOAD) == wanted


@pytest.mark.parametrize(("shape", "options"), [
    ((2, 3, 9, 21), {"layout": "NCHW", "adaptive": 8}), ((5, 7, 70), {"layout": "HWC", "size": 3, "stride": 1}),
    ((9, 40), {"size": (5, 7), "stride": 1}), ((7, 11, 3), {"layout": "HWC", "size": 4, "padding": 2})])
def test_slots_are_read_within_their_room(shape: tuple[int, ...], options: dict[str, Any],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one too, shifted, in scratch space of an earlier piece: plain Python refuses what is beyond."""
    monkeypatch.setattr(jit, "load", jit.interpret)
    both(monkeypatch, np.random.default_rng(0).integers(0, 9, shape).astype(np.uint32), "median", **options)


@pytest.mark.parametrize(("reducer", "dtype", "size"), [("median", "uint8", 3), ("median", "float32", 5),
                                                        ("mode", "uint8", 3), ("median", "uint8", 15)])
def test_small_pictures_have_the_kernels_of_large_ones(reducer: str, dtype: str, size: int) -> None:
    """A picture of 100 x 100 is not left to the general kernel, which took a hundred times as long."""
    prepared = pooling.parse_pooling(reducer, size=size, stride=1)
    choice = prepared.prepare(prepared.plan((100, 100)), dtype).choice
    assert isinstance(choice, network_driver.NetworkChoice | histogram_driver.HistogramChoice)


SLIDING_WINDOWS = [
    pytest.param((40, 60), {"size": 17, "stride": 1, "padding": "same"}, id="clipped frame"),
    pytest.param((2, 30, 40, 2), {"size": (9, 15), "stride": (2, 3), "layout": "NHWC"}, id="strides, planes, channels"),
    pytest.param((6, 20, 22), {"size": (5, 7, 7), "stride": 1, "layout": "DHW"}, id="three axes"),
    pytest.param((40, 44), {"size": 9, "stride": 1, "dilation": 2, "padding": 3}, id="dilated"),
    pytest.param((50, 61), {"adaptive": 7}, id="windows of several sizes"),
]


@pytest.mark.parametrize(("shape", "options"), SLIDING_WINDOWS)
@pytest.mark.parametrize("reducer", ["median", "quantile", "mode"])
def test_windows_that_slide_give_what_the_general_kernel_gives(shape: tuple[int, ...], options: Any, reducer: str,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """In several tiles; NaN win or are left out, nodata are left out, equal samples are told apart by nothing."""
    monkeypatch.setattr(network_driver, "choose", sliding_driver.choose)
    monkeypatch.setattr(sliding_driver, "GENERAL_NS", dict.fromkeys(sliding_driver.GENERAL_NS, np.inf))
    monkeypatch.setattr(sliding_driver, "TILE_SAMPLES", 2000)
    rank = {"q": 0.3} if reducer == "quantile" else {}
    x = samples("float32", shape)
    for missing in ({}, {"nan": "ignore"}, {"nodata": 0.5}):
        both(monkeypatch, x, reducer, **options, **rank, **missing)
    x = samples("uint16", shape)
    both(monkeypatch, x, reducer, **options, **rank, dtype="uint16", nodata=3)


def test_a_window_of_missing_samples_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the value that stands for nothing, or is an error where there is none."""
    monkeypatch.setattr(network_driver, "choose", sliding_driver.choose)
    monkeypatch.setattr(sliding_driver, "GENERAL_NS", dict.fromkeys(sliding_driver.GENERAL_NS, np.inf))
    x = samples("float64", (30, 30))
    x[:20, :20] = np.nan
    both(monkeypatch, x, "median", size=9, stride=1, nan="ignore")
    with pytest.raises(poolcli.PoolError, match="missing"):
        poolcli.pool(x, "median", size=9, stride=1, nan="ignore", dtype="uint8")


def test_many_values_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of all values are compared where these are few, else those of a window's samples: the mode is the same."""
    monkeypatch.setattr(network_driver, "choose", sliding_driver.choose)
    monkeypatch.setattr(sliding_driver, "GENERAL_NS", dict.fromkeys(sliding_driver.GENERAL_NS, np.inf))
    rng = np.random.default_rng(2)
    for most in (5, 20000):
        both(monkeypatch, rng.integers(0, most, (60, 60)).astype(np.int32), "mode", size=13, stride=1)


@pytest.mark.parametrize(("dtype", "reducer", "size"), [("uint16", "median", 19), ("float64", "median", 31),
                                                        ("uint8", "mode", 15), ("float32", "mode", 12)])
def test_large_windows_slide(dtype: str, reducer: str, size: int) -> None:
    """No window that overlaps its neighbours is too large for a kernel of its own, up to 65,000 samples."""
    prepared = pooling.parse_pooling(reducer, size=size, stride=1)
    assert isinstance(prepared.prepare(prepared.plan((100, 100)), dtype).choice, sliding_driver.SlidingChoice)


TILES = [pytest.param(7, (31, 85), id="four across, two down"), pytest.param(5, (30, 70), id="two by two"),
         pytest.param((6, 8), (30, 70), id="two ranks"), pytest.param((3, 7), (9, 2100), id="across only, long rows"),
         pytest.param((9, 5), (300, 40), id="many short rows in a strip"), pytest.param(13, (40, 1200), id="13x13")]


@pytest.mark.parametrize(("size", "shape"), TILES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_tiles_of_windows_share_what_they_have_in_common(size: Any, shape: tuple[int, int], dtype: str,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """Every window of a tile has its own median, a NaN in one is none in its neighbour; what is left over is done."""
    monkeypatch.setattr(network_tiles, "MIN_SPLIT_WINDOWS", 0)
    x = samples(dtype, (2, *shape))
    high, wide = (size, size) if isinstance(size, int) else size
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (high, wide), (1, 2))
    for options in ({}, {"padding": (high // 2, wide // 2)}):
        found = poolcli.pool(x, "median", layout="NHW", size=size, stride=1, dtype="float64", **options)
        inside = found if not options else found[:, high // 2 :, wide // 2 :][:, : windows.shape[1], : windows.shape[2]]
        wanted = np.sort(windows.reshape(*windows.shape[:3], -1))
        n = wanted.shape[-1]
        low, above = wanted[..., (n - 1) // 2], wanted[..., n // 2]
        with np.errstate(invalid="ignore"):
            middle = np.where(low == above, low, low + (above - low) / 2)
        np.testing.assert_array_equal(inside, np.where(np.isnan(wanted[..., -1]), np.nan, middle))


def test_tiles_take_fewer_minima_and_maxima() -> None:
    """Of 15x15 a fourth of what windows take one by one, of 7x7 less than half."""
    for side, high, wide, most in ((5, 2, 2, 60), (7, 2, 4, 120), (15, 2, 4, 500)):
        graph, found = network_graph.tiled(side, side, high, wide, side * side // 2, side * side // 2, floating=False)
        needed = network_graph.reaches(graph, [ref for results in found.values() for ref in results])
        assert sum(graph.values[number].kind != network_interpreter.LOAD for number in needed) < most * high * wide


@pytest.mark.parametrize("values", [1, 2, 3, 200, 1 << 30])
def test_selection_puts_every_rank_in_its_place(values: int) -> None:
    """Few values or many, in order or not: smaller ones before the rank, larger ones after, nothing lost."""
    rng = np.random.default_rng(values)
    for n in (1, 24, 25, 26, 100, 961):
        x = rng.integers(0, values, n).astype(np.int32)
        for given, rank in product((x, np.sort(x), -np.sort(x)), {0, n // 2, n - 1}):
            a = given.copy()
            order_statistics.select(a, n, rank)
            assert a[rank] == np.sort(given)[rank]
            assert (a[:rank] <= a[rank]).all()
            assert (a[rank:] >= a[rank]).all()
            assert np.array_equal(np.sort(a), np.sort(given))


def test_a_generated_kernel_comes_once_it_has_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then the network kernel runs, and what it takes is counted; both give the same."""
    monkeypatch.setattr(network_driver, "GENERATED", 0)
    monkeypatch.setattr(policy, "COMPILE_AFTER", 1e-9)
    monkeypatch.setattr(policy, "current_tier", lambda: policy.AUTO)
    monkeypatch.setattr(policy.jit, "is_available", lambda spec: False)
    policy.forget()
    x = np.random.default_rng(5).integers(0, 256, (40, 50), np.uint8)
    asked = pooling.parse_pooling("median", size=3, stride=1, dtype="uint8")
    settled = asked.prepare(asked.plan(x.shape), x.dtype, False)
    choice = settled.choice if isinstance(settled.choice, network_driver.NetworkChoice) else settled.choice.kernel
    work, values = settled.on(x), np.empty((38, 48), np.uint8)
    choice.later.uncompiled.milliseconds = 0.0
    first = choice.on(work, values)
    assert first.choice is choice
    run = first.runner()
    assert all(run(block) for block in first.blocks(1))
    assert choice.on(work, values).choice is choice.later.choice
