"""Colours as light: against plain arithmetic, pixel by pixel."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poolcli.colour import Light, pool
from poolcli.core.reducers import REDUCERS, Reducer
from poolcli.errors import PoolError
from poolcli.pooling import parse_pooling

WITH_MEANING = {
    "alpha": ("avg", "blur", "max", "min", "median", "median-low", "median-high", "quantile", "mode"),
    "light": ("avg", "blur", "median", "quantile", "gem", "mixed", "stochastic", "max", "min", "mode", "subsample",
              "rms", "geomean", "harmean", "absmax", "topk", "trimmed", "winsor", "median-low", "median-high", "first",
              "last", "centre"),
}
"""Reducers that premultiplied alpha, and light, mean something for."""
PREMULTIPLIED, LINEAR, BOTH = Light(premultiplied=True), Light(linear=True), Light(True, True)


def picture(dtype: str = "uint8", channels: int = 4, seed: int = 0) -> Any:
    """Noise of which a third is transparent and a third opaque; its first window has no colour at all."""
    rng = np.random.default_rng(seed)
    white = np.iinfo(dtype).max
    array = rng.integers(0, white, (9, 8, channels), dtype=dtype, endpoint=True)
    if channels in (2, 4):
        array[..., -1] = np.choose(rng.integers(0, 3, (9, 8)), [0, white, array[..., -1]])
        array[:2, :2, -1] = 0
    return array if channels > 1 else array[..., 0]


def windows(array: Any, size: int = 2) -> list[list[Any]]:
    """The pixels of each window."""
    return [[array[y:y + size, x:x + size].reshape(size * size, -1).tolist()
             for x in range(0, array.shape[1] - size + 1, size)] for y in range(0, array.shape[0] - size + 1, size)]


def done(reducer: str, array: Any, mode: str, light: Light, **options: Any) -> Any:
    """The pooled picture."""
    pooling = parse_pooling(reducer, size=2, dtype=array.dtype.name, **options)
    return pool(pooling, array, pooling.plan(array.shape, "HWC"[: array.ndim]), mode, light)


ROUND = {"half-up": lambda v: math.floor(v + Fraction(1, 2)), "half-even": round,
         "floor": math.floor, "ceil": math.ceil}
CLEAR = [("uint8", 4, "RGBA"), ("uint8", 2, "LA"), ("uint16", 4, "RGBA;16")]
OPAQUE = [("uint8", 1, "L"), ("uint8", 3, "RGB"), ("uint16", 3, "RGB;16")]


@pytest.mark.parametrize(("dtype", "channels", "mode"), CLEAR)
@pytest.mark.parametrize("how", ROUND)
def test_means_weigh_colours_by_alpha(dtype: str, channels: int, mode: str, how: str) -> None:
    """sum(alpha x) / sum(alpha) in fractions, rounded once; alpha is a plain mean."""
    array = picture(dtype, channels)
    got = done("avg", array, mode, PREMULTIPLIED, round=how)
    for y, row in enumerate(windows(array)):
        for x, pixels in enumerate(row):
            weight = sum(pixel[-1] for pixel in pixels)
            expected = [ROUND[how](Fraction(sum(p[c] * p[-1] for p in pixels), weight)) if weight else 0
                        for c in range(channels - 1)]
            assert got[y, x].tolist() == [*expected, ROUND[how](Fraction(weight, 4))]


@pytest.mark.parametrize("reducer", ["max", "min", "median"])
def test_what_chooses_passes_over_transparent_pixels(reducer: str) -> None:
    """Their colours are not there; half transparent ones are; nothing left is 0."""
    array = picture()
    got = done(reducer, array, "RGBA", PREMULTIPLIED)
    choose = {"max": max, "min": min, "median": lambda v: math.floor(np.median(v) + 0.5)}[reducer]
    for y, row in enumerate(windows(array)):
        for x, pixels in enumerate(row):
            seen = [pixel for pixel in pixels if pixel[-1]]
            assert got[y, x, :3].tolist() == [choose([p[c] for p in seen]) if seen else 0 for c in range(3)]
    plain = done(reducer, array, "RGBA", Light())
    assert np.array_equal(got[..., 3], plain[..., 3])


def test_opaque_pictures_are_the_same_either_way() -> None:
    """Weights that are all the same are none."""
    array = picture()
    array[..., 3] = 255
    for reducer in WITH_MEANING["alpha"]:
        assert np.array_equal(done(reducer, array, "RGBA", PREMULTIPLIED), done(reducer, array, "RGBA", Light()))


def test_a_reducer_without_traits_is_left_alone() -> None:
    """Who adds a row and says nothing of colours has a reducer that pools alpha apart and refuses light."""
    row = Reducer("new", "", "", "float", lambda window: (0.0, 0.0))
    assert (row.average, row.alpha, row.light) == (False, "", "")
    assert {name for name, one in REDUCERS.items() if one.average} == {"avg", "blur", "median", "quantile"}
    assert all(one.alpha for one in REDUCERS.values() if one.average)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 4), ("LA", 2)])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_pillow_reduces_to_the_same_colours(mode: str, channels: int, size: int) -> None:
    """Pillow's reduce premultiplies too; it rounds to 8 bits before and after, so what shows differs by 1 or 2."""
    array = picture("uint8", channels)[:8, :8][: 8 // size * size, : 8 // size * size]
    pooling = parse_pooling("avg", size=size, dtype="uint8")
    got = pool(pooling, array, pooling.plan(array.shape, "HWC"), mode, PREMULTIPLIED).astype(float)
    found = np.asarray(Image.fromarray(np.ascontiguousarray(array), mode).reduce(size)).astype(float)
    assert np.abs(got[..., -1] - found[..., -1]).max() <= 1
    assert np.abs(got[..., :-1] * got[..., -1:] - found[..., :-1] * found[..., -1:]).max() <= 2 * 255
    apart = done("avg", array, mode, Light()) if size == 2 else None
    assert apart is None or np.abs(apart[..., :-1] * got[..., -1:] - found[..., :-1] * found[..., -1:]).max() > 2000


def decoded(code: float) -> float:
    """sRGB to light, as the standard says it."""
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def encoded(light: float) -> float:
    """And back."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@pytest.mark.parametrize(("dtype", "channels", "mode"), OPAQUE)
def test_means_of_light(dtype: str, channels: int, mode: str) -> None:
    """Decoded, averaged, encoded; black and white give 188, not 128."""
    array, white = picture(dtype, channels), np.iinfo(dtype).max
    got = done("avg", array, mode, LINEAR).reshape(4, 4, channels)
    for y, row in enumerate(windows(array)):
        for x, pixels in enumerate(row):
            expected = [white * encoded(math.fsum(decoded(p[c] / white) for p in pixels) / 4) for c in range(channels)]
            assert np.abs(got[y, x] - np.array(expected)).max() <= 0.5 + 1e-6
    assert done("avg", np.array([[0, 255], [255, 0]], np.uint8), "L", LINEAR) == 188


def test_light_weighed_by_alpha() -> None:
    """Both wishes together; alpha itself is no light."""
    array = picture()
    got = done("avg", array, "RGBA", BOTH)
    for y, row in enumerate(windows(array)):
        for x, pixels in enumerate(row):
            weight = sum(pixel[3] for pixel in pixels)
            for c in range(3):
                light = sum(decoded(p[c] / 255) * p[3] for p in pixels) / weight if weight else 0
                assert abs(got[y, x, c] - 255 * encoded(light)) <= 0.5 + 1e-6
    assert np.array_equal(got[..., 3], done("avg", array, "RGBA", Light())[..., 3])


@pytest.mark.parametrize("how", ROUND)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_code_survives_the_curve(dtype: str, how: str) -> None:
    """A window of equal codes gives that code, in every rounding."""
    codes = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    array = np.repeat(np.repeat(codes.reshape(16, -1), 2, axis=0), 2, axis=1)
    mode = "L" if dtype == "uint8" else "I;16"
    assert np.array_equal(done("avg", array, mode, LINEAR, round=how), codes.reshape(16, -1))


@pytest.mark.parametrize("reducer", ["max", "min", "mode", "subsample"])
def test_what_takes_one_sample_takes_it_in_any_light(reducer: str) -> None:
    """The curve rises."""
    array = picture(channels=3)
    assert np.array_equal(done(reducer, array, "RGB", LINEAR), done(reducer, array, "RGB", Light()))


def test_every_reducer_is_settled() -> None:
    """Each has a meaning, or an error that names those that have."""
    for name in REDUCERS:
        pooling = parse_pooling(name, size=2)
        for light, known in ((LINEAR, WITH_MEANING["light"]), (PREMULTIPLIED, WITH_MEANING["alpha"])):
            if name in known:
                light.check(pooling)
            else:
                with pytest.raises(PoolError, match="avg, "):
                    light.check(pooling)
                    pytest.fail(f"the row of {name} says light or alpha: name it in WITH_MEANING here")


def test_arrays_and_inks_have_no_light() -> None:
    """Nobody knows what their numbers mean."""
    for mode in (None, "CMYK", "LAB", "F"):
        with pytest.raises(PoolError, match="sRGB"):
            done("avg", picture(), mode, LINEAR)  # type: ignore[arg-type]


def test_missing_samples_and_constant_padding_are_refused() -> None:
    """A nodata value or a padding is a code, of which the light would have to be said."""
    for options in ({"nodata": 0}, {"pad_mode": "constant", "padding": 1}):
        with pytest.raises(PoolError, match="nodata"):
            LINEAR.check(parse_pooling("avg", size=2, **options))
