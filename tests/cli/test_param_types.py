"""The grammar of option values: what is read, and that nothing else than BadParameter ever comes of other text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli.cli import param_types
from poolcli.redact import printable

READ: list[tuple[Callable[[str], Any], str, Any]] = [
    (param_types.parse_whole, "7", 7),
    (param_types.parse_whole, "007", 7),
    (param_types.parse_whole, "0" * 5000, 0),
    (param_types.parse_whole, "18446744073709551615", 2**64 - 1),
    (param_types.counts, "3", 3),
    (param_types.counts, "3x2", (3, 2)),
    (param_types.counts, "2x2x2", (2, 2, 2)),
    (param_types.counts, "all", "all"),
    (param_types.counts, "1xall", (1, "all")),
    (param_types.steps, "2x1", (2, 1)),
    (param_types.padding, "1", 1),
    (param_types.padding, "1x2", (1, 2)),
    (param_types.padding, "1:0", ((1, 0),)),
    (param_types.padding, "1:0x2:2", ((1, 0), (2, 2))),
    (param_types.padding, "1:0x2", ((1, 0), 2)),
    (param_types.padding, "same", "same"),
    (param_types.padding, "same-lower", "same-lower"),
    (param_types.padding, "valid", "valid"),
    (param_types.ratios, "1.414", "1.414"),
    (param_types.ratios, "1.5x2", ("1.5", "2")),
    (param_types.decimal, ".5", ".5"),
    (param_types.number, "3", 3),
    (param_types.number, "-9999", -9999),
    (param_types.number, "18446744073709551615", 2**64 - 1),
    (param_types.number, "1e-6", 1e-6),
    (param_types.number, "inf", float("inf")),
    (param_types.number, "1.5", 1.5),
]

REFUSED: list[tuple[Callable[[str], Any], str, str]] = [
    (param_types.parse_whole, "-1", "'-1' is no whole number; 1, 2, 3 ... would work"),
    (param_types.parse_whole, "1" * 21,
     "'111111111111111111111' is too large; a number of up to 20 digits can be read"),
    (param_types.counts, "", "'' is not one value, or one for each of up to 3 axes; 3, 3x2 or 1xall would work"),
    (param_types.counts, "3x", "'3x' is not one value, or one for each of up to 3 axes; 3, 3x2 or 1xall would work"),
    (param_types.counts, "x", "'x' is not one value, or one for each of up to 3 axes; 3, 3x2 or 1xall would work"),
    (param_types.counts, "1x1x1x1",
     "'1x1x1x1' is not one value, or one for each of up to 3 axes; 3, 3x2 or 1xall would work"),
    (param_types.counts, "axb", "'a' is no whole number; 3, 3x2 or 1xall would work"),
    (param_types.counts, "3,2", "'3,2' is no whole number; 3, 3x2 or 1xall would work"),
    (param_types.counts, "\u0663", "'\u0663' is no whole number; 3, 3x2 or 1xall would work"),
    (param_types.counts, "1\x1b[31m", "'1\\x1b[31m' is no whole number; 3, 3x2 or 1xall would work"),
    (param_types.counts, "9" * 5000, f"'{'9' * 37}...' is too large; 3, 3x2 or 1xall would work"),
    (param_types.steps, "all", "'all' is no whole number; 2 or 2x1 would work"),
    (param_types.padding, "1:", "'' is no whole number; 1, 1x2, 1:0x2:2, same, same-lower or valid would work"),
    (param_types.padding, "1:2:3", "'2:3' is no whole number; 1, 1x2, 1:0x2:2, same, same-lower or valid would work"),
    (param_types.padding, "Same", "'Same' is no whole number; 1, 1x2, 1:0x2:2, same, same-lower or valid would work"),
    (param_types.ratios, "1e9", "'1e9' is no decimal number; 1.414 or 1.5x2 would work"),
    (param_types.ratios, "3/2", "'3/2' is no decimal number; 1.414 or 1.5x2 would work"),
    (param_types.decimal, "1" * 401, f"'{'1' * 37}...' is no decimal number; 1.5 would work"),
    (param_types.decimal, "1_0", "'1_0' is no decimal number; 1.5 would work"),
    (param_types.number, "1_0", "'1_0' is no number; 3, 0.5 or 1e-6 would work"),
    (param_types.number, "0x10", "'0x10' is no number; 3, 0.5 or 1e-6 would work"),
    (param_types.number, "9" * 401, f"'{'9' * 37}...' is no number; 3, 0.5 or 1e-6 would work"),
]

HANDLERS = [param_types.parse_whole, param_types.counts, param_types.steps, param_types.padding, param_types.ratios,
            param_types.decimal,
            param_types.number, param_types.frames]


@pytest.mark.parametrize(("read", "text", "value"), READ)
def test_what_is_written_is_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    """Text to value, types included: 1 is not True, 3 is not 3.0."""
    found = read(text)
    assert (found, type(found)) == (value, type(value))


def test_nan_is_a_number() -> None:
    """--nodata nan."""
    found = param_types.number("NaN")
    assert found != found


@pytest.mark.parametrize(("read", "text", "message"), REFUSED)
def test_what_is_refused_says_what_would_work(read: Callable[[str], Any], text: str, message: str) -> None:
    """The whole message."""
    with pytest.raises(click.BadParameter) as refused:
        read(text)
    assert refused.value.message == message


@pytest.mark.parametrize("read", HANDLERS)
@given(text=st.one_of(st.text(max_size=60), st.text("0123456789x:.-+einfalsmrt", max_size=60)))
def test_no_text_does_anything_else(read: Callable[[str], Any], text: str) -> None:
    """A value, or BadParameter in one line that a terminal cannot obey; never another exception, never a long run."""
    try:
        read(text)
    except click.BadParameter as refused:
        assert printable(refused.message) == refused.message


@given(sizes=st.lists(st.one_of(st.integers(0, 10**18), st.just("all")), min_size=1, max_size=3))
def test_sizes_come_back(sizes: list[int | str]) -> None:
    """Joined by x and read again."""
    found = param_types.counts("x".join(map(str, sizes)))
    assert (list(found) if isinstance(found, tuple) else [found]) == sizes


@given(sides=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=3))
def test_paddings_come_back(sides: list[tuple[int, int]]) -> None:
    """before:after for each axis, a single one too as a sequence of pairs."""
    assert param_types.padding("x".join(f"{a}:{b}" for a, b in sides)) == tuple(sides)
