"""Rows of windowings: windows against the oracle's lists, options that are refused, and what reports say of them."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import poolcli
from poolcli import WINDOWINGS
from poolcli.core import windowings
from poolcli.core.windowings import WindowOptions, window_options
from poolcli.core.windows import Windows
from poolcli.errors import OptionError, PoolError


@pytest.mark.parametrize("name", WINDOWINGS)
def test_a_row_goes_to_another_process_by_its_name(name: str) -> None:
    """Whatever functions it holds."""
    assert pickle.loads(pickle.dumps(WINDOWINGS[name])) is WINDOWINGS[name]


@pytest.mark.parametrize("options", [{"size": 2}, {"adaptive": 3}, {"size": "all"}, {"fractional": 1.5}], ids=str)
def test_a_plan_goes_to_another_process(options: dict[str, object]) -> None:
    """As workers of a cluster and processes of a batch are sent it."""
    plan = poolcli.plan((8, 12), **options)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(plan)).output_shape == plan.output_shape


# Windows.


def positions(windows: Windows) -> list[list[int]]:
    """Each window's positions."""
    return [list(range(int(start), int(stop), windows.step))
            for start, stop in zip(windows.starts, windows.stops, strict=True)]


NUMBERS = st.integers(1, 6)
PADS = st.one_of(st.integers(0, 4), st.tuples(st.integers(0, 4), st.integers(0, 4)))
ASKED = {
    "global": st.just({"size": "all"}),
    "fixed": st.fixed_dictionaries({"size": st.one_of(NUMBERS, st.tuples(NUMBERS, st.just("all")))},
                                   optional={"stride": NUMBERS, "dilation": NUMBERS, "ceil_mode": st.booleans(),
                                             "padding": st.tuples(PADS, PADS)}),
    "same": st.fixed_dictionaries({"padding": st.sampled_from(["same", "same-lower"])},
                                  optional={"size": st.tuples(NUMBERS, st.just("all")), "stride": NUMBERS,
                                            "dilation": NUMBERS}),
    "adaptive": st.fixed_dictionaries({"adaptive": st.one_of(NUMBERS, st.tuples(st.just("all"), NUMBERS))}),
    "fractional": st.fixed_dictionaries({"fractional": st.sampled_from([1, 1.3, "1.7", (2.5, 1.1)])},
                                        optional={"u": st.sampled_from([0, 0.25, "0.9"]),
                                                  "overlapping": st.booleans()}),
    "drawn": st.fixed_dictionaries({"fractional": st.sampled_from([1.3, 2, (2.5, 1.5)])},
                                   optional={"seed": st.integers(0, 9), "random": st.booleans(), "size": NUMBERS}),
    "area": st.fixed_dictionaries({"area": NUMBERS}, optional={"touch": st.sampled_from(["all", "half"])}),
    "scale": st.fixed_dictionaries({"scale": st.sampled_from([1, 1.5, "2.25", (3, "1.2")])},
                                   optional={"touch": st.sampled_from(["all", "half"])}),
}


@pytest.mark.parametrize("kind", ASKED)
@given(data=st.data())
def test_windows_are_the_oracles_lists(kind: str, data: st.DataObject) -> None:
    """Position by position, with the padding at both ends; where there is none it is an error."""
    asked: dict[str, Any] = data.draw(ASKED[kind])
    lengths = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    words, options = reference.raw_words(asked.get("seed", 0)), reference.Options(**asked)
    try:
        wanted = [reference.axis(n, i, words, options) for i, n in enumerate(lengths)]
        if any(not one.windows for one in wanted) or any(asked.get("area", 0) > n for n in lengths):
            raise ValueError
    except ValueError:
        with pytest.raises(PoolError):
            window_options(asked).windows(lengths)
        return
    found = window_options(asked).windows(lengths)
    for one, want, n in zip(found, wanted, lengths, strict=True):
        assert positions(one) == want.windows
        assert (one.length, one.before, one.after) == (n, want.before, want.after)


@pytest.mark.parametrize(("n", "m"), [(7, 3), (9, 2), (8, 3)])
@pytest.mark.parametrize("touch", [None, "all", "half"])
def test_areas_know_their_parts(n: int, m: int, touch: str | None) -> None:
    """Of each sample what lies in the window; all of it where samples count wholly, and no parts of whole ratios."""
    (one,) = window_options({"area": m, "touch": touch}).windows([n])
    assert one.stretch is not None and (one.stretch.size, one.stretch.unit, one.stretch.first) == (n, m, 0)
    assert one.weighs is (touch is None)
    parts = [min((i + 1) * n, (j + 1) * m) - max(i * n, j * m)
             for i in range(m) for j in range(i * n // m, -(-(i + 1) * n // m))]
    assert touch == "half" or one.parts()[0].tolist() == parts
    assert window_options({"area": m}).windows([2 * m])[0].stretch is None


def test_an_axis_that_named_areas_keep_has_a_window_for_each_sample() -> None:
    """"all" beside a number."""
    kept, (other,) = window_options({"area": ("all", 2)}).windows([3, 5])[0], window_options({"area": 2}).windows([5])
    assert positions(kept) == [[0], [1], [2]] and kept.stretch is None
    assert positions(window_options({"area": ("all", 2)}).windows([3, 5])[1]) == positions(other)


def test_windows_at_equal_distances_are_known_as_such() -> None:
    """Of as many as divide the axis, and of whole ratios: without a table of each."""
    for asked in ({"adaptive": 3}, {"area": 3}, {"scale": 3}, {"size": "all"}, {"adaptive": "all"}):
        assert window_options(asked).windows([9])[0].regular
    assert not window_options({"adaptive": 2}).windows([9])[0].regular


def test_axes_of_an_array_share_one_stream_of_words() -> None:
    """The second axis goes on where the first has stopped."""
    first, second = window_options({"fractional": 1.5, "seed": 3}).windows([40, 40])
    assert positions(first) != positions(second)


def test_a_short_axis_is_laid_out_once() -> None:
    """Up to 4,096 samples the same object is given; a longer one is not kept."""
    options = window_options({"size": 3, "stride": 2})
    assert options.windows([4096])[0] is options.windows([4096])[0]
    assert options.windows([4097])[0] is not options.windows([4097])[0]


# What is refused.


@pytest.mark.parametrize(("asked", "lengths", "message"), [
    ({"size": 9}, [5], "a window of 9 does not fit an axis of 5; a smaller size"),
    ({"size": 3, "dilation": 4}, [5], "a window of 3 (dilated to 9) does not fit an axis of 5; "),
    ({"size": 9, "padding": ((1, 2),)}, [5], "a window of 9 does not fit an axis of 5 and its padding of 3; "),
    ({"size": (2, 3)}, [5], "size has 2 values, but 1 axis is pooled; one value, or 1, would work"),
    ({"stride": (2, 3)}, [5, 5, 5], "stride has 2 values, but 3 axes are pooled; one value, or 3, would work"),
    ({"dilation": (2, 3)}, [5], "dilation has 2 values"),
    ({"padding": ((1, 1), (0, 0))}, [5], "padding has 2 values"),
    ({"padding": "same", "size": (2, 3)}, [5], "size has 2 values"),
    ({"padding": "same", "stride": (2, 3)}, [5], "stride has 2 values"),
    ({"padding": "same", "dilation": (2, 3)}, [5], "dilation has 2 values"),
    ({"adaptive": (2, 3)}, [5], "adaptive has 2 values"),
    ({"area": (2, 3)}, [5], "area has 2 values"),
    ({"scale": (2, 3)}, [5], "scale has 2 values"),
    ({"fractional": (2, 3)}, [5], "fractional has 2 values"),
    ({"fractional": 2, "size": (2, 3)}, [5], "size has 2 values"),
    ({"adaptive": 2**27 + 1}, [5], f"{2**27 + 1} windows on an axis of 5 are more than memory is for; {2**27} are"),
    ({"fractional": 9}, [5], "a ratio of 9 leaves nothing of an axis of 5; it can be 5 at most"),
    ({"fractional": 1, "size": 2}, [5], "5 windows of 2 need 6 samples, the axis has 5; a smaller size"),
    ({"scale": 9}, [5], "a scale of 9 leaves nothing of an axis of 5; it can be 5 at most"),
    ({"scale": "2.00000000000000001"}, [5], "a scale of 200000000000000001/100000000000000000 has too many digits"),
    ({"area": (3, 6)}, [3, 5], "6 areas of an axis of 5 would be less than a sample each; adaptive windows"),
], ids=str)
def test_what_does_not_fit_an_axis(asked: dict[str, Any], lengths: list[int], message: str) -> None:
    """The message has the numbers."""
    with pytest.raises(PoolError) as caught:
        window_options(asked).windows(lengths)
    assert str(caught.value).startswith(message)


def test_digits_of_a_scale_end_where_doubles_are_whole() -> None:
    """The end of a window behind the last, in parts of a sample, is below 2^53."""
    most = 2**51
    assert len(windowings._make_areas(4, Fraction(most - 1, most - 2), None)) == 3
    with pytest.raises(PoolError, match="too many digits"):
        windowings._make_areas(4, Fraction(most, most - 1), None)


@pytest.mark.parametrize(("asked", "option", "message"), [
    ({"adaptive": 2, "stride": 2}, "stride", "stride goes with fixed and same windows, not with adaptive windows"),
    ({"size": 2, "overlapping": True}, "overlapping", "overlapping goes with fractional windows, not with fixed"),
    ({"size": "all", "stride": 2}, "stride", "stride goes with fixed and same windows, not with global windows"),
    ({"padding": "same", "ceil_mode": True}, "ceil_mode", "ceil_mode goes with fixed windows, not with same windows"),
    ({"adaptive": 2, "fractional": 2}, "fractional", "fractional goes with fractional windows, not with adaptive"),
    ({"fractional": 2, "area": 2}, "area", "area goes with area windows, not with fractional windows"),
    ({"area": 2, "scale": 2}, "scale", "area and scale say the same in two ways"),
    ({"fractional": 2, "size": "all"}, "size", "fractional windows take whole numbers as sizes, not 'all'"),
    ({"fractional": 2, "size": (2, "all")}, "size", "fractional windows take whole numbers as sizes, not 'all'"),
    ({"fractional": 2, "u": 0.5, "seed": 1}, "u", "u fixes the steps by itself"),
    ({"fractional": 2, "u": 0.5, "random": True}, "u", "u fixes the steps by itself"),
    ({"fractional": 2, "size": 2, "overlapping": True}, "overlapping", "overlapping has no meaning where size"),
    ({"size": 0}, "size", "size must be a whole number from 1 to 2147483647, not 0"),
    ({"size": 2**31}, "size", "size must be a whole number from 1 to 2147483647, not 2147483648"),
    ({"size": 2.0}, "size", "size must be a whole number from 1 to 2147483647, not 2.0"),
    ({"size": True}, "size", "size must be a whole number from 1 to 2147483647, not True"),
    ({"size": "2"}, "size", "size must be a whole number"),
    ({"size": ()}, "size", "size takes one value, or one for each of up to 3 axes, not ()"),
    ({"size": (1, 2, 3, 4)}, "size", "size takes one value, or one for each of up to 3 axes, not (1, 2, 3, 4)"),
    ({"size": {}}, "size", "size by names is a number for each, as in H=2,W=3, not {}"),
    ({"size": {"H": 2, 1: 2}}, "size", "size by names is a number for each, as in H=2,W=3, not {'H': 2, 1: 2}"),
    ({"size": {1: 2}}, "size", "size by names is a number for each, as in H=2,W=3, not {1: 2}"),
    ({"size": {"H": 0}}, "size", "size must be a whole number from 1"),
    ({"stride": 0}, "stride", "stride must be a whole number from 1"),
    ({"dilation": 0}, "dilation", "dilation must be a whole number from 1"),
    ({"padding": -1}, "padding", "padding must be a whole number from 0 to 2147483647, not -1"),
    ({"padding": ((0, -1),)}, "padding", "padding must be a whole number from 0"),
    ({"padding": ((1, 2, 3),)}, "padding", "the padding of one axis is a number or (before, after), not (1, 2, 3)"),
    ({"padding": "some"}, "padding", "padding is a number, one per axis, before and after, or same, same-lower, "),
    ({"adaptive": 0}, "adaptive", "adaptive must be a whole number from 1"),
    ({"area": 0}, "area", "area must be a whole number from 1"),
    ({"fractional": 0.99}, "fractional", "fractional must be a ratio of at least 1, not 0.99"),
    ({"fractional": "2147483647.00000001"}, "fractional", "fractional must be a ratio of at least 1"),
    ({"fractional": 1e10}, "fractional", "fractional must be a number, not 10000000000.0"),
    ({"fractional": "x"}, "fractional", "fractional must be a number, not 'x'"),
    ({"fractional": float("nan")}, "fractional", "fractional must be a number, not nan"),
    ({"fractional": "1." + 63 * "0"}, "fractional", "fractional must be a number"),
    ({"scale": "2147483647.00000001/1"}, "scale", "scale must be a ratio of at least 1, not 2147483647.00000001/1"),
    ({"scale": "2/3"}, "scale", "scale must be a ratio of at least 1, not 2/3"),
    ({"scale": "2147483647/0"}, "scale", "scale must be a number"),
    ({"scale": "3/"}, "scale", "scale must be a number"),
    ({"scale": f"3/{10**18}"}, "scale", "scale must be a number"),
    ({"area": 2, "touch": "some"}, "touch", "touch is all or half, not 'some'"),
    ({"fractional": 2, "u": 1}, "u", "u must be from 0 to below 1, not 1"),
    ({"fractional": 2, "u": -0.1}, "u", "u must be from 0 to below 1, not -0.1"),
    ({"fractional": 2, "seed": -1}, "seed", "seed must be a whole number from 0 to 2^64 - 1, not -1"),
    ({"fractional": 2, "seed": 2**64}, "seed", "seed must be a whole number from 0 to 2^64 - 1"),
    ({"fractional": 2, "seed": True}, "seed", "seed must be a whole number from 0 to 2^64 - 1, not True"),
    ({"fractional": 2, "seed": 1.0}, "seed", "seed must be a whole number from 0 to 2^64 - 1, not 1.0"),
    ({"size": 2, "ceil_mode": 2}, "ceil_mode", "ceil_mode is True or False, not 2"),
    ({"size": 2, "ceil_mode": 1.0}, "ceil_mode", "ceil_mode is True or False, not 1.0"),
], ids=str)
def test_an_option_that_cannot_be(asked: dict[str, Any], option: str, message: str) -> None:
    """It is named, with what would work."""
    with pytest.raises(OptionError) as caught:
        window_options(asked)
    assert caught.value.option == option and str(caught.value).startswith(message)


def test_the_ends_of_what_options_may_be() -> None:
    """The least and the largest numbers are taken, in any type that counts."""
    most = 2**31 - 1
    found = window_options({"size": np.int16(1), "stride": most, "padding": ((0, most),), "dilation": 1,
                            "ceil_mode": 1})
    assert (found.size, found.stride, found.padding, found.ceil_mode) == (1, most, ((0, most),), True)
    assert [type(value) for value in (found.size, found.ceil_mode)] == [int, bool]
    found = window_options({"fractional": most, "seed": 2**64 - 1, "random": True})
    assert (found.fractional, found.seed, found.random) == (most, 2**64 - 1, True)
    assert window_options({"fractional": 1, "u": 0}).u == 0
    assert window_options({"fractional": "1." + 62 * "0"}).fractional == 1
    assert window_options({"scale": "8/3"}).scale == Fraction(8, 3)
    assert window_options({"scale": f"{2**31 - 1}/1"}).scale == window_options({"scale": 2**31 - 1}).scale == most
    assert window_options({"size": [2, "all", 3]}).size == (2, "all", 3)
    assert window_options({"size": None, "padding": "valid", "overlapping": False}).padding == 0


@pytest.mark.parametrize(("value", "wanted"), [
    (1, 1), ("3", 3), (" 4 ", 4), ("50%", Fraction(1, 2)), ("100 %", 1), ("0.5%", Fraction(1, 200))])
def test_the_least_of_valid_samples(value: Any, wanted: int | Fraction) -> None:
    """A number, or a share."""
    assert windowings.parse_min_valid(value) == wanted
    assert isinstance(windowings.parse_min_valid(value), Fraction if "%" in str(value) else int)


@pytest.mark.parametrize("value", [0, -1, "0%", "101%", "x", "x%", "1/0%", "", "1.5"])
def test_what_is_no_least_of_valid_samples(value: Any) -> None:
    """Neither 0 nor more than all."""
    with pytest.raises(OptionError, match="min_valid must be a whole number of samples from 1 on, or a share as in"):
        windowings.parse_min_valid(value)


# Which windowing serves, and what its row says.


@pytest.mark.parametrize(("asked", "name"), [
    ({}, "fixed"), ({"stride": 2}, "fixed"), ({"size": (1, "all")}, "fixed"), ({"padding": 1}, "fixed"),
    ({"padding": "same"}, "same"), ({"padding": "same-lower", "size": 3}, "same"), ({"size": "all"}, "global"),
    ({"adaptive": 2}, "adaptive"), ({"fractional": 2}, "fractional"), ({"area": 2}, "area"), ({"scale": 2}, "area")])
def test_a_windowing_is_known_by_its_options(asked: dict[str, Any], name: str) -> None:
    """Those that are given; a size of 2 where one is needed and none is given."""
    found = window_options(asked)
    assert found.windowing.name == name
    assert found.size == asked.get("size", 2 if name in ("fixed", "same") else None)
    assert (found.windowing.strided, found.windowing.in_parts) == (name in ("fixed", "same"), name == "area")


def test_a_row_that_says_nothing_has_the_safe_answers() -> None:
    """Nobody asks for it, nothing is wrong with it, and it reports its number of windows."""
    row = windowings.Windowing("new", "", "", "", (), lambda options, lengths: ())
    windows = windowings.keep_axis(3)
    assert not row.serves({"new": 1}) and row.default_size is None and not row.strided and not row.in_parts
    row.check({})
    assert (row.record(WindowOptions(row), [windows]), row.words("new", {})) == ({}, "new")
    assert row.formula(WindowOptions(row), 0, 1, windows) == "3"


@pytest.mark.parametrize(("option", "but", "wanted"), [
    ("stride", "", "fixed and same"), ("stride", "fixed", "same"), ("touch", "", "area"),
    ("size", "", "fixed, same, global and fractional"), ("size", "same", "fixed, global and fractional")])
def test_the_homes_of_an_option(option: str, but: str, wanted: str) -> None:
    """Written out as people do."""
    assert windowings.name_homes(option, but) == wanted


REPORTS: list[tuple[dict[str, Any], list[int], dict[str, Any], str, list[str]]] = [
    ({}, [5, 6], {"size": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]], "dilation": [1, 1], "ceil": False},
     "2x2", ["floor((5 - 2) / 2) + 1 = 2", "floor((6 - 2) / 2) + 1 = 3"]),
    ({"size": (3, 2), "stride": 2, "padding": ((1, 0), (2, 2)), "dilation": (2, 1), "ceil_mode": True}, [9, 6],
     {"size": [3, 2], "stride": [2, 2], "padding": [[1, 0], [2, 2]], "dilation": [2, 1], "ceil": True},
     "3x2 stride 2x2 padding 1:0x2 dilation 2x1 ceil",
     ["ceil((9 + 1 - (2 (3 - 1) + 1)) / 2) + 1 = 4",
      "ceil((6 + 2 + 2 - 2) / 2) + 1 - 1 (it would begin behind the input) = 4"]),
    ({"size": 1, "stride": 3, "ceil_mode": True}, [5],
     {"size": [1], "stride": [3], "padding": [[0, 0]], "dilation": [1], "ceil": True}, "1 stride 3 ceil",
     ["ceil((5 - 1) / 3) + 1 - 1 (it would begin behind the input) = 2"]),
    ({"size": ("all", 2)}, [5, 6],
     {"size": [5, 2], "stride": [5, 2], "padding": [[0, 0], [0, 0]], "dilation": [1, 1], "ceil": False}, "5x2",
     ["one window over all 5 = 1", "floor((6 - 2) / 2) + 1 = 3"]),
    ({"size": 3, "stride": 5}, [4],
     {"size": [3], "stride": [5], "padding": [[0, 0]], "dilation": [1], "ceil": False}, "3 stride 5",
     ["floor((4 - 3) / 5) + 1 = 1"]),
    ({"padding": "same", "size": 3, "stride": 2}, [5, 6],
     {"size": [3, 3], "stride": [2, 2], "padding": [[1, 1], [0, 1]], "dilation": [1, 1], "ceil": False},
     "3x3 stride 2x2 same", ["ceil(5 / 2) = 3, padded by 1 and 1", "ceil(6 / 2) = 3, padded by 0 and 1"]),
    ({"padding": "same-lower"}, [5, 6],
     {"size": [2, 2], "stride": [2, 2], "padding": [[1, 0], [0, 0]], "dilation": [1, 1], "ceil": False},
     "2x2 same", ["ceil(5 / 2) = 3, padded by 1 and 0", "ceil(6 / 2) = 3"]),
    ({"size": "all"}, [5, 6], {"size": [5, 6]}, "global", ["one window over all 5 = 1", "one window over all 6 = 1"]),
    ({"adaptive": ("all", 4)}, [5, 6], {"adaptive": [5, 4]}, "adaptive 5x4",
     ["kept = 5", "as asked = 4, window i is [floor(6 i / 4), ceil(6 (i + 1) / 4))"]),
    ({"fractional": (1.5, 2), "seed": 7, "random": True, "size": 2}, [5, 6],
     {"fractional": [1.5, 2.0], "size": [2, 2], "overlapping": False, "random": True, "seed": 7},
     "fractional 1.5x2.0 seed 7 random", ["floor(5 / 1.5) = 3", "floor(6 / 2.0) = 3"]),
    ({"fractional": 1.5, "u": "0.3", "overlapping": True}, [5],
     {"fractional": [1.5], "size": None, "overlapping": True, "random": False, "u": 0.3},
     "fractional 1.5 u 0.3 overlapping", ["floor(5 / 1.5) = 3"]),
    ({"area": ("all", 4)}, [5, 6], {"area": [5, 4], "touch": None}, "area 5x4",
     ["kept = 5", "as asked = 4, window i is [6 i / 4, 6 (i + 1) / 4)"]),
    ({"scale": ("8/3", 1.5), "touch": "half"}, [8, 6], {"scale": ["8/3", 1.5], "touch": "half"},
     "scale 8/3x1.5 touch half", ["floor(8 / 8/3) = 3", "floor(6 / 1.5) = 4"]),
]


@pytest.mark.parametrize(("asked", "lengths", "record", "words", "formulas"), REPORTS,
                         ids=[str(row[0]) for row in REPORTS])
def test_what_reports_say_of_windows(asked: dict[str, Any], lengths: list[int], record: dict[str, Any], words: str,
                                     formulas: list[str]) -> None:
    """What made them, in a few words, and their number with its formula."""
    options = window_options(asked)
    windows = options.windows(lengths)
    row = options.windowing
    assert row.record(options, windows) == record
    assert row.words(row.name, record | {"pad_mode": "exclude"}) == words
    assert [options.formula(i, len(lengths), one) for i, one in enumerate(windows)] == formulas


def test_a_pad_mode_is_said_of_fixed_windows() -> None:
    """Where it is another than that of always."""
    options = window_options({"size": 2, "padding": 1})
    record = options.windowing.record(options, options.windows([5]))
    assert options.windowing.words("fixed", {**record, "pad_mode": "edge"}) == "2 padding 1 edge"


def test_the_stride_of_a_lone_window_is_its_size_where_it_is_the_axis() -> None:
    """Else its stride as it was asked, of windows at equal distances."""
    assert windowings.window_stride(Windows(5, range(1), range(5, 6))) == 5
    assert windowings.window_stride(Windows(5, range(0, 3, 3), range(2, 5, 3))) == 3
    assert windowings.window_stride(Windows(5, range(0, 10, 5), range(5, 15, 5))) == 5
    assert windowings.window_stride(Windows(5, np.array([0, 1]), np.array([2, 4]))) == 2


# Values by the names of axes, and one for each.


def test_values_by_name_pool_the_axes_that_they_name() -> None:
    """Others are kept; what one option leaves out has its default."""
    options = window_options({"size": {"H": 3, "lat": "all"}, "stride": {"H": 2}, "padding": {"lat": (1, 2)}})
    assert options.is_named and not window_options({"size": 3}).is_named
    found, letters = options.for_axes("THWC", ["time", "y", "lat", "band"])
    assert letters == "tHWC"
    assert (found.size, found.stride, found.padding, found.dilation) == ((3, "all"), (2, 1), (0, (1, 2)), 1)
    found, letters = window_options({"stride": {"x": 2}, "size": 3}).for_axes("HW", ["y", "x"])
    assert (found.size, found.stride, letters) == (3, (2,), "hW")
    found, letters = window_options({"stride": {"x": 2}, "size": {"y": 4}}).for_axes("HW", ["y", "x"])
    assert (found.size, found.stride, letters) == ((4, 1), (4, 2), "HW")
    found, letters = window_options({"adaptive": {"h": 2}}).for_axes("HW")
    assert (found.adaptive, letters) == ((2,), "Hw")
    found, _ = window_options({"fractional": {"H": 2}, "size": {"W": 2}}).for_axes("HW")
    assert (found.fractional, found.size) == ((2, 1), (1, 2))


@pytest.mark.parametrize(("letters", "names", "message"), [
    ("HW", ["y", "x"], "no axis is called lat; there are y, x"), ("HW", [], "no axis is called lat; there are H, W"),
    ("HW", ["lat", "lon"], "an axis is named twice, by its letter and by its name; one of them would work")])
def test_names_of_no_axis(letters: str, names: list[str], message: str) -> None:
    """They are told with those that there are."""
    with pytest.raises(PoolError) as caught:
        window_options({"size": {"H": 2, "lat": 3}}).for_axes(letters, names)
    assert str(caught.value) == message


@pytest.mark.parametrize(("letters", "pooled", "wanted"), [
    ("tHW", [0], "Thw"), ("NHWC", [1, 2], "NHWC"), ("NCH", [1], "NAh"), ("NCH", [0, 1], "ABh"), ("HWC", [2], "hwA"),
    ("HhW", [0, 1], "HAw"), ("hHW", [2], "haW"), ("abC", [0, 2], "AbD")])
def test_letters_are_capital_where_an_axis_is_pooled(letters: str, pooled: list[int], wanted: str) -> None:
    """Another letter where N and C would be pooled, or two would be one."""
    assert windowings._pool_only(letters, pooled) == wanted


def test_how_many_axes_the_values_name() -> None:
    """The most of any option; none where each is one for all."""
    assert window_options({"size": (2, 3), "stride": (1, 2)}).value_count() == 2
    assert window_options({"padding": ((1, 2),), "size": 3}).value_count() is None
    assert window_options({"size": (2,)}).value_count() is None
    assert window_options({"area": (2, 3, 4)}).value_count() == 3


def test_the_stride_as_it_was_asked() -> None:
    """The size where none is; 0 where windows have none."""
    options = window_options({"size": (3, "all", 2), "stride": (2, 2, 1)})
    assert [options.find_stride(axis, 3) for axis in range(3)] == [2, 0, 1]
    assert window_options({"size": 3}).find_stride(1, 2) == 3
    assert window_options({"adaptive": 3}).find_stride(0, 1) == 0
    assert window_options({"fractional": 2, "size": 3}).find_stride(0, 1) == 0
