"""Places: where pooled samples are centred, window by window, as an oracle in whole numbers has it."""

from __future__ import annotations

import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
from places import chain

from poolcli import plan
from poolcli.core.place import Place, average_over
from poolcli.core.windows import Windows
from poolcli.pooling import parse_pooling


def test_centres_of_random_chains() -> None:
    """As the positions of the windows have it, exactly, in one to three axes."""
    chance = random.Random(1)
    for _ in range(300):
        shape, layout = chance.choice([((37,), "L"), ((23, 18), "HW"), ((9, 11, 3), "HWC"), ((7, 8, 9), "DHW")])
        stages, centres = chain(chance, shape, layout, most=3)
        place, sizes = Place.of(None, shape), shape
        for stage in stages:
            one = stage.plan(sizes)
            place, sizes = place.pool(one), one.output_shape
        pooled = [axis for axis in place.axes if axis.letter != "C"]
        for axis, expected in zip(pooled, centres, strict=True):
            assert axis.spacing is not None
            step, first = axis.spacing
            assert [first + step * i for i in range(len(axis))] == expected
            assert axis.centres().tolist() == [float(one) for one in expected]
        assert all(axis.is_whole for axis in place.axes if axis.letter == "C")


@pytest.mark.parametrize(("options", "expected"), [
    ({"adaptive": 3}, [1.5, 4.5, 7.5]), ({"adaptive": 5}, [0.5, 2.5, 4.5, 6.5, 8.5]), ({"size": "all"}, [4.5]),
    ({"fractional": 3.0, "u": 0.5}, None)])
def test_windows_of_several_sizes(options: dict[str, object], expected: list[float] | None) -> None:
    """Midway between a window's outermost samples; one step and size is regular however it was asked for."""
    made = plan((10,), **options)  # type: ignore[arg-type]
    (axis,) = Place.of(None, (10,)).pool(made).axes
    first, count = made.windows[0].present
    assert axis.centres().tolist() == (expected or ((2 * first + count - 1) / 2).tolist())
    sizes, steps = set(count.tolist()), set(np.diff(first).tolist())
    assert (axis.spacing is not None) == (len(sizes) == 1 and len(steps) <= 1)


def test_uneven_windows_in_a_chain() -> None:
    """The samples that an output reaches are those of all its windows' windows."""
    place = Place.of(None, (10,)).pool(plan((10,), adaptive=4)).pool(plan((4,), size=2))
    low, high = place.axes[0].reach()
    assert (low.tolist(), high.tolist()) == ([0, 5], [4, 9]) and place.uneven == "L"


def test_squeezed_axes_are_remembered() -> None:
    """They are asked for by their number in the file."""
    place = Place.of(None, (6, 8, 3)).pool(plan((6, 8, 3), size=("all", 2), squeeze=True))
    assert [axis.source for axis in place.axes] == [1, 2] and len(place.axis(0)) == 1
    assert place.axis(0).spacing == (6, Fraction(5, 2)) and place.fits((4, 3)) and not place.fits((8, 3))


def test_coordinates_of_whole_windows_are_means() -> None:
    """As NumPy has it; beyond an end they go on as they did there."""
    coordinates = np.sort(np.random.default_rng(2).normal(size=12))
    whole = Windows(12, range(0, 10, 3), range(3, 13, 3))
    np.testing.assert_allclose(average_over(whole, coordinates), coordinates.reshape(4, 3).mean(axis=1), rtol=1e-14)
    even = 5.0 - 0.25 * np.arange(12)
    asked = parse_pooling("max", size=3, stride=2, padding=1, dilation=2, ceil_mode=True)
    place = Place.of(None, (12,)).pool(asked.plan((12,)))
    np.testing.assert_allclose(place.axes[0].average(even), 5.0 - 0.25 * place.axes[0].centres(), atol=1e-12)
    assert average_over(Windows(1, range(1), range(1, 2)), np.array([7.0])).tolist() == [7.0]


def test_places_go_to_other_processes() -> None:
    """Nothing in them is bound to this one."""
    place = Place.of("anything", (10, 10)).pool(plan((10, 10), adaptive=3))
    assert pickle.loads(pickle.dumps(place)).axes[0].centres().tolist() == [1.5, 4.5, 7.5]
