"""Pictures of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from poolcli import PoolError
from poolcli.drawing.heat import COLOURS, MISSING, draw_heat, draw_labelled_heat, enlarge, find_ends
from poolcli.drawing.sheet import PAGE, draw_sheet


def test_larger_is_lighter() -> None:
    """From the first colour to the last, each channel sum above the one before."""
    found = draw_heat(np.linspace(0, 1, 64).reshape(1, 64))
    assert (found[0, 0] == COLOURS[0]).all() and (found[0, -1] == COLOURS[-1]).all()
    light = found[0].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > 0).all()


@pytest.mark.parametrize("value", [0.0, 5.0, -1e300])
def test_equal_numbers_are_dark(value: float) -> None:
    """No division by nothing."""
    assert (draw_heat(np.full((2, 2), value)) == COLOURS[0]).all()


def test_what_is_missing_has_a_colour_of_its_own() -> None:
    """NaN; infinities are the ends."""
    found = draw_heat(np.array([[np.nan, 0.0, 1.0, np.inf, -np.inf]]))
    assert (found[0, 0] == MISSING).all()
    assert (found[0, 3] == COLOURS[-1]).all() and (found[0, 4] == COLOURS[0]).all()
    assert (draw_heat(np.full((1, 1), np.nan)) == MISSING).all()


def test_a_heat_map_is_flat() -> None:
    """Two axes."""
    with pytest.raises(PoolError):
        draw_heat(np.zeros((2, 2, 2)))


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    """Blocks, no blur."""
    small = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarge(small, 7)
    assert large.shape == (8, 8, 3) and (large[::4, ::4] == small).all()
    assert enlarge(large, 7) is not None and enlarge(large, 7).shape == large.shape


def test_a_sheet_holds_every_picture_as_it_is() -> None:
    """Grey, colour and transparent tiles, each with a label below."""
    grey = np.full((20, 30), 7, np.uint8)
    colour = np.full((20, 30, 3), (1, 2, 3), np.uint8)
    clear = np.zeros((20, 30, 4), np.uint8)
    found = draw_sheet([(grey, "grey"), (colour, "colour"), (clear, "clear")], columns=2)
    assert (found[10:30, 10:40] == 7).all() and (found == (1, 2, 3)).all(axis=2).sum() == 600
    assert (found[48:78, 10:40] == PAGE).all(axis=2).mean() > 0.9
    assert (found[30:48, 10:60] != PAGE).any()


def test_infinities_and_the_largest_numbers_are_drawn_without_a_warning() -> None:
    """An infinity has the colour of its end, and a span beyond float64 is a span like others."""
    found = draw_heat(np.array([[-np.inf, -1.7e308, 0.0, 1.7e308, np.inf]]))
    plain = draw_heat(np.array([[-1.0, -1.0, 0.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(found, plain)
    draw_heat(np.array([[np.inf, 1.0]]), 0.0, np.inf)
    draw_heat(np.array([[np.inf, np.inf]]), np.inf, np.inf)


@pytest.mark.parametrize("shape", [(300, 400), (1, 40), (2, 3)])
def test_a_labelled_map_has_its_scale_below(shape: tuple[int, int]) -> None:
    """The map is as without; below it a bar with all colours from dark to light, then letters in ink."""
    values = np.linspace(-2.5, 7, shape[0] * shape[1]).reshape(shape)
    plain = enlarge(draw_heat(values))
    found = draw_labelled_heat(values, "width of the bounds of a pooling with a long name, in the unit of its values")
    height, width = plain.shape[:2]
    assert (found[:height, :width] == plain).all() and found.shape[1] >= width
    bar = found[height + 12]
    assert (bar[0] == COLOURS[0]).all() and (bar[-1] == COLOURS[-1]).all()
    assert (np.abs(bar[:width] - draw_heat(np.linspace(0, 1, len(bar))[None])[0].astype(int)) <= 1).all()
    text = found[height + 30 :].astype(int).sum(axis=2) < 300
    assert text.any() and not text[:, -1].all()


def test_the_ends_of_a_scale_are_the_extremes_or_what_is_said() -> None:
    """Infinities and NaN are none; nothing at all gives 0."""
    assert find_ends(np.array([[np.nan, -1.5, np.inf, 4.0]])) == (-1.5, 4.0)
    assert find_ends(np.array([[1.0, 4.0]]), 0.0) == (0.0, 4.0)
    assert find_ends(np.array([[np.nan]])) == find_ends(np.array([[np.nan]]))
