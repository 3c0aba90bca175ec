"""What each pooling keeps, against scikit-image's numbers, theorems and pictures whose answer is known."""

from __future__ import annotations

from math import inf, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import poolcli
from poolcli import PoolError
from poolcli.analysis.compare import metrics
from poolcli.analysis.compare.upsampling import UPSAMPLINGS, map_bilinear, map_nearest, upsample, window_centres
from poolcli.cli.analysis.compare_command import UPSAMPLINGS as OFFERED

SAMPLES = Path(__file__).parents[2] / "sample_images"

GOLDEN = [
    ("image.png", "avg", 20.007816788951367, 0.649132520469193),
    ("image.png", "max", 13.544071704687733, 0.5482638809939698),
    ("noisy.png", "avg", 15.65211168409247, 0.1729692906343017),
    ("noisy.png", "max", 7.5626664350730834, 0.11628037087885962),
    ("gradient.png", "avg", 47.19550037141411, 0.9820846622911243),
    ("gradient.png", "max", 42.70216331420904, 0.9810012554912991),
]
"""4x4 blocks, repeated to full size. scikit-image 0.26.0, metrics.peak_signal_noise_ratio and structural_similarity of
float64 with data_range 255 or 65535, win_size=7, gaussian_weights=False, use_sample_covariance=False, channel_axis=-1.
"""


def picture(name: str) -> NDArray[Any]:
    """A sample."""
    return np.asarray(Image.open(SAMPLES / name))


def only(x: Any, stage: Any = "avg", **keywords: Any) -> Any:
    """The one row."""
    return poolcli.compare(x, [stage], **keywords).rows[0]


@pytest.mark.parametrize(("name", "reducer", "psnr", "ssim"), GOLDEN)
def test_psnr_and_ssim_are_those_of_scikit_image(name: str, reducer: str, psnr: float, ssim: float) -> None:
    """Grey, colour and 16 bits, in more than one block."""
    found = only(picture(name), reducer, size=4)
    assert found.psnr == pytest.approx(psnr, rel=1e-12)
    assert found.ssim == pytest.approx(ssim, rel=1e-9)


def test_ssim_of_a_volume_is_that_of_scikit_image() -> None:
    """Windows of 7x7x7; the same call on the volume, maxima of 2x2x2."""
    found = only(np.load(SAMPLES / "volume.npy"), "max", size=2, layout="DHW")
    assert found.psnr == pytest.approx(21.69583347275829, rel=1e-12)
    assert found.ssim == pytest.approx(0.8013862956263818, rel=1e-9)


def test_what_keeps_everything_is_perfect() -> None:
    """Windows of one sample."""
    for reducer in ("max", "avg", "subsample"):
        found = only(picture("image.png"), reducer, size=1)
        assert (found.psnr, found.largest_error, found.edge_energy) == (inf, 0, 1)
        assert found.ssim == pytest.approx(1, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from(["float64", "uint8", "int16"]))
@settings(max_examples=20, deadline=None)
def test_of_plain_blocks_the_mean_is_nearest(seed: int, size: int, dtype: str) -> None:
    """It minimises squared errors over the blocks that windows cover, so no other reducer has a higher PSNR."""
    x = np.random.default_rng(seed).integers(0, 100, (size * 4, size * 3)).astype(dtype)
    found = poolcli.compare(x, ["avg", "max", "min", "median", "subsample", "mode"], size=size, data_range=100)
    errors = [row.mean_squared_error for row in found.rows]
    assert errors[0] <= min(errors) + 1e-9


@pytest.mark.parametrize("blocks", [1, 300, 1 << 17])
def test_blocks_do_not_matter(blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All measures over any rows at a time are those over all at once, in slow, plain arithmetic."""
    monkeypatch.setattr(metrics, "BLOCK", blocks)
    monkeypatch.setattr(metrics, "LEAST_ROWS", 1)
    x = np.random.default_rng(1).normal(1e6, 3, (40, 21, 2))
    found = poolcli.compare(x, ["median"], size=3, stride=2, padding=1, upsample="bilinear").rows[0]
    y = poolcli.pool(x, "median", size=3, stride=2, padding=1)
    plan = poolcli.plan(x.shape, size=3, stride=2, padding=1)
    laid = slow_bilinear(slow_bilinear(y, window_centres(plan.windows[0]), 40, 0), window_centres(plan.windows[1]),
                         21, 1)
    assert found.mean_squared_error == pytest.approx(((x - laid) ** 2).mean(), rel=1e-9)
    assert found.largest_error == pytest.approx(np.abs(x - laid).max(), rel=1e-9)
    span = x.max() - x.min()
    slow = [slow_ssim(x[i:i + 7, j:j + 7, c], laid[i:i + 7, j:j + 7, c], span)
            for i in range(34) for j in range(15) for c in range(2)]
    assert found.ssim == pytest.approx(np.mean(slow), rel=1e-6)
    assert found.noise_variance == pytest.approx(slow_noise(y), rel=1e-9)
    energies = [((np.diff(v, axis=0) / step) ** 2).mean() + ((np.diff(v, axis=1) / step) ** 2).mean()
                for v, step in ((y, 2), (x, 1))]
    assert found.edge_energy == pytest.approx(energies[0] / energies[1], rel=1e-9)


def slow_bilinear(y: NDArray[Any], middles: NDArray[Any], n: int, axis: int) -> NDArray[Any]:
    """NumPy's own interpolation, line by line."""
    return np.apply_along_axis(lambda line: np.interp(np.arange(n), middles, line), axis, y)


def slow_ssim(x: NDArray[Any], y: NDArray[Any], span: float) -> float:
    """One window, by the formula of the paper."""
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    cov = ((x - x.mean()) * (y - y.mean())).mean()
    return float((2 * x.mean() * y.mean() + c1) * (2 * cov + c2)
                 / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (x.var() + y.var() + c2)))


def slow_noise(y: NDArray[Any]) -> float:
    """Immerkaer's mask at every place."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    h, w, channels = y.shape
    total = sum(abs((mask * y[i:i + 3, j:j + 3, c]).sum())
                for i in range(h - 2) for j in range(w - 2) for c in range(channels))
    return float((sqrt(pi / 2) * total / (6 * (h - 2) * (w - 2) * channels)) ** 2)


@pytest.mark.parametrize(("shape", "layout"), [((300, 300), "HW"), ((60_000,), "L"), ((40, 45, 50), "DHW")])
def test_noise_is_what_was_put_in(shape: tuple[int, ...], layout: str) -> None:
    """Gaussian noise of variance 25 on a slope; a mean of windows of m samples leaves 25 / m."""
    noise = np.random.default_rng(2).normal(0, 5, shape)
    x = noise + sum(np.meshgrid(*[np.arange(n) * 3.0 for n in shape], indexing="ij"))
    found = poolcli.compare(x, ["avg"], size=2, layout=layout)
    assert found.noise_variance == pytest.approx(25, rel=0.03)
    assert found.rows[0].noise_variance == pytest.approx(25 / 2 ** len(shape), rel=0.1)


def test_edge_energy_of_slopes_and_edges() -> None:
    """A ramp keeps all, an ideal edge between windows 1 / stride, nothing has no share."""
    ramp = np.add.outer(np.arange(32.0), 2 * np.arange(32.0))
    for reducer in ("avg", "max", "subsample"):
        assert only(ramp, reducer, size=4).edge_energy == pytest.approx(1)
    edge = np.repeat([[0.0, 1.0]], 64, axis=1).reshape(1, 128).repeat(8, axis=0)
    assert only(edge, "avg", size=(1, 4)).edge_energy == pytest.approx(1 / 4 * (127 / 128) / (31 / 32))
    assert only(np.full((9, 9), 3.0)).edge_energy is None


def test_nothing_to_measure_is_none() -> None:
    """A constant, a few samples, windows over everything: no quotient of nothing, no warning."""
    flat = only(np.full((20, 20), 7.0))
    assert (flat.psnr, flat.ssim, flat.noise_variance) == (inf, None, 0)
    small = only(np.arange(12.0).reshape(3, 4), "max", size="all")
    assert small.ssim is None and small.noise_variance is None and small.edge_energy is None
    missing = poolcli.compare(np.full((8, 8), np.nan), ["avg"])
    assert missing.rows[0].psnr is None and missing.rows[0].largest_error is None


@pytest.mark.parametrize(("keywords", "hole"), [({"nan": "ignore"}, np.nan), ({"nodata": -1}, -1.0), ({}, np.inf)])
def test_what_is_missing_is_left_out(keywords: dict[str, Any], hole: float) -> None:
    """Of all means: the numbers are those of the columns that are whole."""
    x = np.random.default_rng(3).random((40, 40))
    x[:, :8] = hole
    found, whole = poolcli.compare(x, ["avg"], **keywords), poolcli.compare(x[:, 8:], ["avg"])
    ours, theirs = found.rows[0], whole.rows[0]
    for name in ("mean_squared_error", "ssim", "noise_variance", "edge_energy", "largest_error"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9), name
    assert found.data_range == whole.data_range and found.noise_variance == pytest.approx(whole.noise_variance)


@pytest.mark.parametrize(("dtype", "span"), [("bool", 1), ("uint8", 255), ("int8", 255), ("uint16", 65535),
                                             ("int32", 5), ("uint64", 5), ("float16", 5), ("float64", 5)])
def test_the_range_is_the_dtypes_or_the_arrays(dtype: str, span: float) -> None:
    """Of bool, 8 and 16 bits what they can hold, of others what is there."""
    x = (np.arange(64).reshape(8, 8) % 6).astype(dtype)
    assert poolcli.compare(x, ["max"]).data_range == span
    assert poolcli.compare(x, ["max"], data_range=100).data_range == 100


@pytest.mark.parametrize(("shape", "layout"), [((30, 20, 3), "HWC"), ((3, 30, 20), "CHW"), ((2, 3, 30, 20), "NCHW"),
                                               ((30, 20), "HW"), ((5, 30, 20), "DHW"), ((30, 3, 20), "HCW")])
def test_layouts_say_the_same(shape: tuple[int, ...], layout: str) -> None:
    """Numbers of an array and of its transpose agree, and its picture is that of two pooled axes."""
    x = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    found = poolcli.compare(x, ["max", "avg"], layout=layout)
    last = poolcli.compare(np.ascontiguousarray(x.T), ["max", "avg"], layout=layout[::-1])
    for a, b in zip(found.rows, last.rows, strict=True):
        assert a.psnr == pytest.approx(b.psnr) and a.ssim == pytest.approx(b.ssim)
    assert found.picture.shape == (30, 20, 3 if "C" in layout else 1)
    assert found.rows[0].picture.shape == found.picture.shape


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["nearest", "bilinear"]))
@settings(max_examples=60, deadline=None)
def test_laid_over_again_values_stand_where_their_windows_do(n: int, size: int, stride: int, how: str) -> None:
    """A constant stays one; a ramp of the windows' middles is the ramp between the first and the last."""
    size = min(size, n)
    windows = poolcli.plan((n,), size=size, stride=stride).windows[0]
    places = UPSAMPLINGS[how](windows)
    assert (upsample(np.full((len(windows), 1), 4.0), [places]) == 4).all()
    middles = window_centres(windows)
    ramp = upsample(middles[:, None], [places])[:, 0]
    wanted = np.arange(n).clip(middles[0], middles[-1])
    assert np.abs(ramp - wanted).max() <= (stride / 2 if how == "nearest" else 1e-9)


def test_between_two_middles_the_lower_is_nearest() -> None:
    """Windows of 3 at a stride of 2 have theirs at 1, 3 and 5: sample 2 belongs to the first, 4 to the second."""
    assert map_nearest(poolcli.plan((7,), size=3, stride=2).windows[0]).low.tolist() == [0, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("keywords", [{"adaptive": (5, 9)}, {"adaptive": 30}, {"fractional": 1.4}, {"size": "all"},
                                      {"size": 3, "stride": 1, "padding": "same"},
                                      {"size": 2, "dilation": 3, "stride": 1},
                                      {"size": 3, "stride": 2, "ceil_mode": True}, {"squeeze": True, "size": (1, 20)}])
def test_every_windowing_can_be_compared(keywords: dict[str, Any]) -> None:
    """Finite numbers, pictures of one size, no warning."""
    x = np.random.default_rng(5).integers(0, 256, (21, 20), np.uint8)
    found = poolcli.compare(x, ["max", "avg"], upsample="bilinear", **keywords)
    assert all(np.isfinite(row.psnr) and 0 <= row.mean_squared_error < 65025 for row in found.rows)
    assert {picture.shape for picture, _ in found.tiles()} == {(21, 20, 1)}


def test_pictures_are_the_samples_of_the_middle() -> None:
    """At most a tile of them, pooled values in blocks over the samples that they were made from."""
    x = np.random.default_rng(6).integers(0, 256, (50, 70, 3), np.uint8)
    found = poolcli.compare(x, ["max"], size=2, tile=20)
    assert (found.picture == x[15:35, 25:45]).all() and found.shown == "H 15:35, W 25:45"
    whole = poolcli.pool(x, "max", size=2).repeat(2, axis=0).repeat(2, axis=1)
    assert (found.rows[0].picture == whole[15:35, 25:45]).all()
    sheet = found.sheet()
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3 and sheet.shape[1] > 2 * 180


@pytest.mark.parametrize(("x", "shown", "said"), [
    (np.array([[False, True]]).repeat(2, axis=0), [0, 255], ""),
    (np.array([[0, 65535]], np.uint16).repeat(2, axis=0), [0, 255], ""),
    (np.array([[-2.0, 8.0]]).repeat(2, axis=0), [0, 255], "-2 is black and 8 white"),
    (np.array([[3.0, np.nan]]).repeat(2, axis=0), [0, 0], "3 is black and 3 white"),
])
def test_values_become_light_as_is_said(x: NDArray[Any], shown: list[int], said: str) -> None:
    """Bits and 16 bits by their type, floats by their extremes, which is told."""
    found = poolcli.compare(x, ["max"], size=1)
    assert found.picture[0, :, 0].tolist() == shown and found.shown == said


def test_reducers_on_another_scale_are_marked() -> None:
    """Their pictures go from their own least to their own largest value."""
    others = [row.name for row in poolcli.REDUCERS.values() if not row.keeps_scale]
    found = poolcli.compare(np.arange(64.0).reshape(8, 8), others)
    assert not any(row.on_scale for row in found.rows)
    assert found.rows[0].picture.max() == 255 and found.rows[0].picture.min() == 0
    assert only(np.arange(64.0).reshape(8, 8), "max").on_scale


def test_the_usual_blur_lies_on_the_same_grid() -> None:
    """About twice as wide, as many windows, the same middles."""
    for size in (2, 3, 4, 5):
        for n in (20, 23, 24):
            found = poolcli.compare(np.zeros((n, n)), size=size)
            assert [row.reducer for row in found.rows] == ["max", "min", "avg", "median", "subsample", "blur"]
            assert len({row.shape for row in found.rows}) == 1
            wide = 2 * size - size % 2
            middles = window_centres(poolcli.plan((n,), size=wide, stride=size, padding=(wide - size) // 2).windows[0])
            assert (middles == window_centres(poolcli.plan((n,), size=size).windows[0])).all()


@pytest.mark.parametrize("keywords", [{"upsample": "cubic"}, {"data_range": 0}, {"data_range": "1"}, {"tile": 0},
                                      {"stages": ["max"], "p": 3}, {"stages": []}, {"size": 99}])
def test_what_cannot_be_compared(keywords: dict[str, Any]) -> None:
    """PoolError."""
    with pytest.raises(PoolError):
        poolcli.compare(np.zeros((8, 8)), **keywords)


def test_the_command_offers_what_there_is() -> None:
    """The names of ways to lay a result over the array."""
    assert tuple(UPSAMPLINGS) == OFFERED
    assert UPSAMPLINGS["nearest"] is map_nearest and UPSAMPLINGS["bilinear"] is map_bilinear


@pytest.mark.parametrize("power", [-1000, -300, 300, 530, 1000])
def test_psnr_and_ssim_are_the_same_in_any_unit(power: int) -> None:
    """They have no unit: those of x 2^k are those of x, without a warning."""
    x = np.random.default_rng(4).normal(size=(20, 20))
    plain, scaled = (poolcli.compare(one, ["max"], size=2).rows[0] for one in (x, np.ldexp(x, power)))
    assert scaled.psnr == pytest.approx(plain.psnr, rel=1e-9)
    assert scaled.ssim == pytest.approx(plain.ssim, rel=1e-9)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32"])
@pytest.mark.parametrize(("stage", "upsample"), [("max", "nearest"), ("avg", "bilinear"), ("median", "nearest"),
                                                 ("subsample", "nearest")])
def test_what_a_mask_hides_is_left_out_as_nan_is(dtype: str, stage: str, upsample: str) -> None:
    """Of windows and measures; whole windows behind it have no value, and bytes may take all values that there are."""
    draws = np.random.default_rng(2)
    x = draws.permutation(np.arange(30 * 40) % 256).reshape(30, 40).astype(dtype)
    mask = np.ones((30, 40), np.bool_)
    mask[7:16, 12:26] = mask[25, 36:] = False
    found = only(x, (stage, {"dtype": "float64"}), size=4, mask=mask, upsample=upsample, data_range=255)
    floats = np.where(mask, x, np.float64(np.nan))
    wanted = only(floats, (stage, {"dtype": "float64"}), size=4, nan="ignore", upsample=upsample, data_range=255)
    for name in ("psnr", "ssim", "mean_squared_error", "largest_error", "noise_variance", "edge_energy"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-12), name
    own = only(x, stage, size=4, mask=mask.astype(np.uint8) * 3, upsample=upsample, data_range=255)
    assert own.dtype == poolcli.pool(x, stage, size=4).dtype.name and own.picture.shape == found.picture.shape


def test_errors_behind_a_mask_are_those_of_numpy() -> None:
    """Window by window, of samples that are shown; those of whole bytes, the largest of which may be hidden."""
    draws = np.random.default_rng(3)
    x, mask = draws.integers(0, 256, (16, 20)).astype(np.uint8), draws.integers(0, 2, (16, 20)).astype(bool)
    mask[:4, :4] = False
    squares = []
    for i in range(0, 16, 4):
        for j in range(0, 20, 4):
            shown = x[i : i + 4, j : j + 4][mask[i : i + 4, j : j + 4]].astype(float)
            squares += list((shown - shown.max()) ** 2) if shown.size else []
    found = poolcli.compare(x, ["max"], size=4, mask=mask)
    assert found.dtype == found.rows[0].dtype == "uint8" and found.data_range == 255
    assert found.rows[0].mean_squared_error == pytest.approx(np.mean(squares), rel=1e-12)
    assert found.rows[0].largest_error == max(squares) ** 0.5
    assert not found.picture.reshape(16, 20, -1)[~mask].any()


@pytest.mark.parametrize(("mask", "said"), [(np.ones((2, 3), int), "the mask has the shape 2x3"),
                                            (np.ones((4, 4)), "a mask is of whole numbers")])
def test_a_mask_that_does_not_fit_is_told(mask: NDArray[Any], said: str) -> None:
    """In one line."""
    with pytest.raises(PoolError, match=said):
        poolcli.compare(np.ones((4, 4)), ["max"], size=2, mask=mask)
