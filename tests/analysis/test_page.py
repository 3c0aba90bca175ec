"""The page of explain in a real Chromium: moved, switched, read, and compared with the library's own numbers."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
from analysis import browser as chromium

import poolcli
from poolcli.analysis.explain.explain import explain_window
from poolcli.analysis.explain.page import MOST_BYTES, build_page
from poolcli.core.reducers import REDUCERS
from poolcli.pooling import parse_pooling
from poolcli.valid_samples import SampleRules

A = np.array([[1, 3, 2, 9], [5, 6, 1, 7], [4, 2, 8, 6], [3, 5, 7, 2]], np.uint8)
EXPLAINED = [row.name for row in REDUCERS.values() if row.explanation]
EVERY = """
const numbers = (a) => [...model.axes[a].starts.keys()];
const cells = numbers(0).flatMap((d) => numbers(1).flatMap((h) => numbers(2).map((w) => [d, h, w])));
const told = (v) => (v === null || Number.isFinite(v) ? v : String(v));
const pair = ({ answer, result }) => [told(answer.value), told(result)];
return cells.map((cell) => pair(answerAt(cell, state.channel)));
"""
"""Value and result of every output, as the page's own functions have them."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests here."""
    yield from chromium.started(tmp_path_factory.mktemp("profile"))


Open = Callable[..., Any]


def made(x: np.ndarray, reducer: str, name: str = "a map", mode: Any = None, palette: Any = None, at: Any = None,
         channel: Any = None, batch: Any = None, mask: Any = None, weights: Any = None, **options: Any) -> str:
    """The text of a page."""
    pooling = parse_pooling(reducer, **options)
    plan, rules = pooling.plan(x.shape), SampleRules(mask, weights)
    found = explain_window(x, pooling, plan, at, channel, batch, rules)
    return build_page(found, x, pooling, plan, name, mode, palette, rules)


@pytest.fixture
def opened(driver: Any, tmp_path: Path) -> Iterator[Open]:
    """Write a page and open it; nothing may be said on the console."""
    def open_page(x: np.ndarray, reducer: str, **options: Any) -> Any:
        path = tmp_path / "page.html"
        path.write_text(made(x, reducer, **options), encoding="utf-8")
        driver.get(path.as_uri())
        return driver

    yield open_page
    assert driver.get_log("browser") == []


def number(text: Any) -> float:
    """A number as JavaScript writes it."""
    return float(str(text).replace("Infinity", "inf").replace("null", "nan").replace("None", "nan"))


def read(driver: Any) -> tuple[float, float]:
    """The value before rounding and the result that the page shows."""
    return tuple(number(driver.find_element("id", name).get_attribute("data-value")) for name in ("value", "result"))


def press(driver: Any, *keys: str) -> None:
    """Keys on the input."""
    from selenium.webdriver.common.keys import Keys

    driver.find_element("id", "input").send_keys(*(getattr(Keys, key) for key in keys))


def choose(driver: Any, name: str, value: Any) -> None:
    """A choice in the controls, as a reader makes it."""
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

    control = driver.find_element("id", name)
    if control.tag_name == "select":
        Select(control).select_by_value(str(value))
    elif control.get_attribute("type") == "checkbox":
        if control.is_selected() != value:
            control.click()
    else:
        control.send_keys(Keys.CONTROL, "a")
        control.send_keys(Keys.NULL, str(value), Keys.TAB)


def same(driver: Any, x: np.ndarray, reducer: str, batch: int = 0, channel: int = 0, **options: Any) -> None:
    """Every output of the page, as it now stands, is the library's: exact for integers, to a few ulps for floats."""
    got = [[number(v) for v in pair] for pair in driver.execute_script(EVERY)]
    want = poolcli.pool(x, reducer, **options)
    layout = options.get("layout") or reference.letters(x.ndim)
    want = want[tuple({"N": batch, "C": channel}.get(letter, slice(None)) for letter in layout)]
    assert len(got) == want.size and driver.execute_script("return resultType()") == want.dtype.name
    scale = float(np.nanmax(np.abs(np.where(np.isfinite(x), x, 0).astype(np.float64)), initial=0))
    for (_, result), expected in zip(got, want.reshape(-1), strict=True):
        expected = float(expected)
        if want.dtype.kind != "f":
            assert result == expected
        else:
            assert result == pytest.approx(expected, rel=4 * float(np.finfo(want.dtype).eps), abs=1e-14 * scale,
                                           nan_ok=True)


# The computing.


@pytest.mark.parametrize("reducer", EXPLAINED)
def test_every_reducer_is_the_librarys(opened: Open, reducer: str) -> None:
    """In the windows that were given, then in others that are chosen on the page."""
    x = np.abs(reference.made((5, 6, 2), "int16")).astype(np.uint16) % 60
    driver = opened(x, "max", channel=1, size=2, stride=1, padding=1, pad_mode="exclude", dilation=2)
    choose(driver, "reducer", reducer)
    same(driver, x, reducer, channel=1, size=2, stride=1, padding=1, dilation=2)
    for name, value in (("size", 3), ("stride", 2), ("dilation", 1)):
        choose(driver, name, value)
    same(driver, x, reducer, channel=1, size=3, stride=2, padding=1)
    at = driver.execute_script("return state.cell")[1:]
    found = poolcli.explain(x, reducer, at=at, channel=1, size=3, stride=2, padding=1)
    assert read(driver) == pytest.approx((float(found.value or 0), float(found.result)), rel=1e-12)


@pytest.mark.parametrize("windowing", ["same", "global", "adaptive"])
def test_every_windowing_is_the_librarys(opened: Open, windowing: str) -> None:
    """Fixed windows are above; fractional ones come as they were given."""
    x = reference.made((7, 5), "float32")
    driver = opened(x, "avg", size=2)
    choose(driver, "windowing", windowing)
    same(driver, x, "avg", **{"same": {"size": 2, "padding": "same"}, "global": {"size": "all"},
                              "adaptive": {"adaptive": (2, 2)}}[windowing])
    choose(driver, "windowing", "fixed")
    choose(driver, "size", 3)
    choose(driver, "stride", 2)
    choose(driver, "ceil", True)
    same(driver, x, "avg", size=3, stride=2, ceil_mode=True)


@pytest.mark.parametrize(("reducer", "options"), [
    ("max", {"fractional": 1.4, "seed": 3}),
    ("avg", {"size": 3, "stride": 2, "padding": 1, "nan": "ignore"}),
    ("median", {"size": 3, "stride": 2, "padding": 1}),
    ("min", {"size": 3, "stride": 2, "padding": 1, "nan": "ignore", "nodata": 2}),
    ("blur", {"size": 3, "stride": 2, "padding": 2, "pad_mode": "reflect", "nan": "ignore"}),
    ("sum", {"size": 3, "stride": 2, "padding": 1, "pad_mode": "constant", "pad_value": 7, "nan": "ignore"}),
    ("avg", {"size": 2, "dtype": "int8", "round": "half-even", "nan": "ignore", "nodata": -1}),
    ("avg", {"size": 3, "padding": 1, "count_include_pad": True, "nan": "ignore"}),
    ("lp", {"size": 3, "p": math.inf, "nan": "ignore"}),
    ("std", {"size": 2, "dtype": "float16", "nan": "ignore"}),
])
def test_missing_samples_padding_and_types(opened: Open, reducer: str, options: dict[str, Any]) -> None:
    """As they were asked for."""
    x = np.random.default_rng(0).integers(-9, 40, (7, 7)).astype(np.float32)
    x[1, 2] = x[4, 4] = np.nan
    x[0, 0] = x[5, 1] = 2
    same(opened(x, reducer, **options), x, reducer, **options)


@pytest.mark.parametrize(("layout", "shape"), [("NCHW", (2, 3, 4, 6)), ("DHWC", (3, 4, 5, 2)), ("NLC", (2, 9, 3))])
def test_draws_are_the_librarys(opened: Open, layout: str, shape: tuple[int, ...]) -> None:
    """Philox in JavaScript; each output has its own number, by its place in the whole result."""
    x = np.random.default_rng(1).random(shape).astype(np.float32)
    batch = {"batch": 1} if "N" in layout else {}
    options = {"layout": layout, "size": 2, "seed": 2**40 + 7}
    same(opened(x, "stochastic", channel=1, **batch, **options), x, "stochastic", channel=1, batch=1, **options)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint32", "int64", "float16", "float64"])
def test_dtypes_reach_the_page(opened: Open, dtype: str) -> None:
    """In JavaScript's own arrays, or as doubles."""
    x = reference.made((4, 4), dtype) % 100 if dtype.endswith("int64") else reference.made((4, 4), dtype)
    same(opened(x, "max"), x, "max")


@pytest.mark.parametrize("reducer", EXPLAINED)
def test_masked_samples_count_for_nothing(opened: Open, reducer: str) -> None:
    """For every reducer, of the plane or of each channel; a window without any is empty."""
    x = np.abs(reference.made((6, 6, 2), "int16")).astype(np.uint16) % 60
    mask = np.random.default_rng(2).integers(0, 3, (6, 6, 2)).astype(np.uint8)
    mask[:2, :2] = 0
    driver = opened(x, "max", channel=1, size=2, nodata=7, mask=mask)
    choose(driver, "reducer", reducer)
    same(driver, x, reducer, channel=1, size=2, nodata=7, mask=mask)
    rules = {"mask": mask[..., 0], "nodata": 7}
    driver = opened(x, reducer, channel=1, size=3, stride=1, padding=1, pad_mode="reflect", **rules)
    same(driver, x, reducer, channel=1, size=3, stride=1, padding=1, pad_mode="reflect", **rules)


@pytest.mark.parametrize("reducer", [name for name in EXPLAINED if REDUCERS[name].weighted_core])
def test_samples_that_count_differently(opened: Open, reducer: str) -> None:
    """By weights from a file, and by their part in an area: whole numbers, ties, and fractions."""
    x = np.abs(reference.made((8, 8), "int16")).astype(np.uint16) % 9
    weights = np.random.default_rng(3).integers(0, 4, (8, 8)).astype(np.float32) / 2
    mask = np.random.default_rng(4).integers(0, 4, (8, 8))
    driver = opened(x, "avg", size=2, mask=mask, weights=weights)
    choose(driver, "reducer", reducer)
    same(driver, x, reducer, size=2, mask=mask, weights=weights)
    shown = driver.execute_script("return data.reducers.map((one) => one.name)")
    assert "max" not in shown and reducer in shown
    for options in ({"scale": "8/3"}, {"area": (5, 3)}):
        driver = opened(x, "max", at=(1, 1), **options)
        choose(driver, "reducer", reducer)
        same(driver, x, reducer, **options)
    choose(driver, "windowing", "adaptive")
    choose(driver, "count", 3)
    same(driver, x, reducer, adaptive=(3, 3))


def test_what_counts_is_seen(opened: Open) -> None:
    """Masked samples are struck in the input and the window, weights stand in the arithmetic and the window."""
    mask, weights = np.ones((4, 4), np.uint8), np.arange(16).reshape(4, 4) % 3
    mask[0, 1] = mask[3, 3] = 0
    driver = opened(A, "avg", at=(0, 0), size=2, mask=mask, weights=weights)
    find = lambda query: [b.get_attribute("data-at") for b in driver.find_elements("css selector", query)]  # noqa: E731
    assert find("#input b.off") == [f"{i},{j}" for i in range(4) for j in range(4) if not mask[i, j] * weights[i, j]]
    assert find("#input b.left-out") == ["0,0", "0,1"]
    kinds = [b.get_attribute("class") for b in driver.find_elements("css selector", "#window b")]
    assert kinds == ["weightless", "masked", "present", "present"]
    steps = driver.find_element("id", "steps").text
    assert "(1*5 + 2*6) / (1 + 2)" in steps and "17 / 3" in steps
    assert "33.3%" in driver.find_element("id", "window").text and not driver.find_element("id", "own").is_displayed()
    choose(driver, "reducer", "median")
    assert driver.find_element("id", "setup").text == "w = 1, 2" and read(driver)[1] == 6
    assert driver.find_element("id", "legend").text.split("\n").count("masked: does not count") == 1
    picture = np.repeat(np.repeat(A, 10, 0), 10, 1)
    driver = opened(picture, "max", size=2, mode="L", mask=np.arange(1600).reshape(40, 40) % 2)
    np.testing.assert_array_equal(driver.execute_script(
        "const c = document.querySelector('#input canvas').getContext('2d');"
        "return [...c.getImageData(0, 0, 4, 1).data].filter((_, i) => i % 4 === 3)"), [64, 255, 64, 255])


# The reader.


def test_keys_move_the_window(opened: Open) -> None:
    """Arrows, Home and End; it stops at the ends. The arithmetic is read out."""
    driver = opened(A, "avg", at=(0, 0), size=2, stride=1)
    want = poolcli.pool(A, "avg", size=2, stride=1)
    assert read(driver)[1] == want[0, 0]
    for keys, cell in ((["ARROW_RIGHT"], (0, 1)), (["ARROW_DOWN", "ARROW_DOWN"], (2, 1)), (["ARROW_DOWN"], (2, 1)),
                       (["END"], (2, 2)), (["ARROW_UP"], (1, 2)), (["HOME"], (1, 0)), (["ARROW_LEFT"], (1, 0))):
        press(driver, *keys)
        assert driver.execute_script("return state.cell") == [0, *cell] and read(driver)[1] == want[cell]
    story = driver.find_element("id", "story")
    assert story.get_attribute("aria-live") == "polite"
    assert "Output H 1, W 0" in story.text and "(5 + 6 + 4 + 2) / 4" in story.text and "17 / 4" in story.text


def test_the_mouse_moves_the_window(opened: Open) -> None:
    """A click on the input, a drag over it, a click on the output, the buttons."""
    from selenium.webdriver import ActionChains

    driver = opened(A, "max", at=(0, 0), size=2)
    cell = lambda board, at: driver.find_element("css selector", f"#{board} b[data-at='{at}']")  # noqa: E731
    cell("input", "2,3").click()
    assert read(driver)[1] == 8 and driver.execute_script("return state.cell") == [0, 1, 1]
    ActionChains(driver).click_and_hold(cell("input", "3,0")).move_to_element(cell("input", "0,3")).release().perform()
    assert driver.execute_script("return state.cell") == [0, 0, 1] and read(driver)[1] == 9
    cell("output", "1,0").click()
    assert read(driver)[1] == 5
    driver.find_element("css selector", "button[aria-label=right]").click()
    assert read(driver)[1] == 8
    assert cell("input", "2,2").get_attribute("class") == "winner"
    assert {at.get_attribute("data-at") for at in driver.find_elements("css selector", "#input b.in")} == {
        "2,3", "3,2", "3,3"}


def test_the_controls_recompute(opened: Open) -> None:
    """Reducer, its parameter, size and stride, as read from the page."""
    driver = opened(A, "max", at=(0, 0), size=2)
    choose(driver, "reducer", "avg")
    assert read(driver)[1] == 3.75
    choose(driver, "size", 3)
    choose(driver, "stride", 1)
    assert [b.text for b in driver.find_elements("css selector", "#output b")] == ["3.556", "4.889", "4.556", "4.889"]
    choose(driver, "reducer", "quantile")
    choose(driver, "parameter-q", 1)
    same(driver, A, "quantile", size=3, stride=1, q=1.0)
    choose(driver, "reducer", "mixed")
    choose(driver, "parameter-weight", 0.25)
    same(driver, A, "mixed", size=3, stride=1, weight=0.25)


def test_what_cannot_be_is_said(opened: Open) -> None:
    """And the page stays as it was."""
    driver = opened(A, "max", at=(0, 0), size=2)
    choose(driver, "size", 9)
    assert "does not fit an axis of 4" in driver.find_element("id", "trouble").text
    assert read(driver)[1] == 6
    choose(driver, "size", 2)
    assert driver.find_element("id", "trouble").text == ""
    choose(driver, "reducer", "lp")
    choose(driver, "parameter-p", -1)
    assert driver.find_element("id", "trouble").text == "p cannot be -1."


def test_volumes_move_in_depth(opened: Open) -> None:
    """Page down goes to the next slice; the window shows its slices."""
    x = reference.made((4, 4, 4), "uint8")
    driver = opened(x, "max", layout="DHW", at=(0, 0, 0), size=2)
    press(driver, "PAGE_DOWN")
    assert read(driver)[1] == poolcli.pool(x, "max", layout="DHW", size=2)[1, 0, 0]
    assert [title.text for title in driver.find_elements("css selector", "#window h3")] == ["D 2", "D 3"]


def canvas(driver: Any, board: str) -> np.ndarray:
    """The pixels of a board."""
    for _ in range(1200):  # a minute, for a machine that does other things too
        if board == "input" or driver.execute_script("return boards.output.node.dataset.done") == "true":
            break
        time.sleep(0.05)
    high, wide, flat = driver.execute_script(
        f"const c = document.querySelector('#{board} canvas');"
        "return [c.height, c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]")
    return np.array(flat, np.uint8).reshape(high, wide, 4)[..., :3]


def test_pictures_are_pooled_as_pictures(opened: Open) -> None:
    """The output's pixels are the library's; a click into the input moves the window there, the window shows pixels."""
    from selenium.webdriver import ActionChains

    x = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    driver = opened(x, "avg", size=3, stride=2, mode="RGB", dtype="uint8")
    np.testing.assert_array_equal(canvas(driver, "input"), x)
    np.testing.assert_array_equal(canvas(driver, "output"), poolcli.pool(x, "avg", size=3, stride=2, dtype="uint8"))
    choose(driver, "reducer", "median")
    want = poolcli.pool(x, "median", size=3, stride=2, dtype="uint8")
    np.testing.assert_array_equal(canvas(driver, "output"), want)
    scene = driver.find_element("css selector", "#input canvas")
    ActionChains(driver).move_to_element_with_offset(scene, -scene.size["width"] // 2 + 2,
                                                     -scene.size["height"] // 2 + 2).click().perform()
    assert driver.execute_script("return state.cell") == [0, 0, 0] and read(driver)[1] == want[0, 0, 0]
    shown = [b.text.split("\n")[0] for b in driver.find_elements("css selector", "#window b.present")]
    assert shown == [str(v) for v in x[:3, :3, 0].reshape(-1)]


def test_palettes_and_alpha_are_seen(opened: Open) -> None:
    """Indices in their colours, in the output too while they are indices; what is clear stays clear."""
    x = np.array([[0, 1, 2] * 10] * 30, np.uint8)
    palette = np.array([[250, 0, 0], [0, 240, 0], [0, 0, 230]], np.uint8)
    driver = opened(x, "mode", size=2, mode="P", palette=palette)
    np.testing.assert_array_equal(canvas(driver, "input"), palette[x])
    choose(driver, "size", 1)
    choose(driver, "stride", 1)
    np.testing.assert_array_equal(canvas(driver, "output"), palette[x])
    clear = np.random.default_rng(0).integers(0, 256, (30, 30, 4), dtype=np.uint8)
    clear[..., 3] = np.where(clear[..., 3] < 128, 0, 255)
    driver = opened(clear, "max", size=1, mode="RGBA")
    np.testing.assert_array_equal(canvas(driver, "output"), np.where(clear[..., 3:] > 0, clear[..., :3], 0))


def test_a_large_picture_is_cut_not_scaled(opened: Open) -> None:
    """The part around the window, with its own numbers and places; the page stays below a megabyte and says so."""
    x = np.random.default_rng(0).integers(0, 256, (900, 1100, 3), dtype=np.uint8)
    text = made(x, "max", at=(400, 20), mode="RGB")
    assert len(text) < 1_000_000
    driver = opened(x, "max", at=(400, 20), mode="RGB")
    assert "A part of the input" in driver.find_element("id", "about").text
    origin, extent = driver.execute_script("return [data.origin, data.extent]")
    assert origin[1] <= 800 < origin[1] + extent[1] <= 900 and origin[2] == 0 and min(extent[1:]) >= 400
    want = poolcli.pool(x, "max")[..., 0]
    assert read(driver)[1] == want[400, 20]
    press(driver, "ARROW_RIGHT", "ARROW_DOWN")
    assert read(driver)[1] == want[401, 21]
    press(driver, "END")
    assert read(driver)[1] == want[401, extent[2] // 2 - 1]


def test_names_cannot_break_out(opened: Open) -> None:
    """A file name is text, whatever is in it."""
    name = "<!--<script </script><script>window.broken = 1</script><b>&amp;{{data}}"
    driver = opened(A, "max", name=name)
    assert driver.find_element("id", "name").text == name and driver.title == f"{name} - poolcli explain"
    assert driver.execute_script("return window.broken") is None and read(driver)[1] == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room(opened: Open, scheme: str) -> None:
    """At 390 pixels nothing but the boards scrolls sideways, in both colour schemes."""
    driver = opened(np.arange(20 * 20.0).reshape(20, 20), "avg", size=3, stride=1)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2,
                                                                  "mobile": True})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme",
                                                                        "value": scheme}]})
    try:
        assert driver.execute_script("return document.documentElement.scrollWidth") == 390
        colour = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (sum(int(v) for v in re.findall(r"\d+", colour)) < 380) == (scheme == "dark")
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_series_is_a_line_too(opened: Open) -> None:
    """One for the input, which breaks where a sample is missing, and one for the output; planes have none."""
    x = np.sin(np.arange(40) / 4)
    x[7] = np.nan
    driver = opened(x, "avg", size=4, stride=2, nan="ignore", layout="L")
    find = "return [...document.querySelectorAll('#{} .line path')].map((path) => path.getAttribute('d'))"
    (inside,), (outside,) = (driver.execute_script(find.format(name)) for name in ("input", "output"))
    assert (inside.count("M"), len(re.findall("[ML]", inside))) == (2, 39)
    assert len(re.findall("[ML]", outside)) == len(poolcli.pool(x, "avg", size=4, stride=2, nan="ignore", layout="L"))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", inside)]
    there = x[~np.isnan(x)]
    assert np.allclose(heights, 96 - 92 * (there - there.min()) / (there.max() - there.min()), atol=0.01)
    plane = opened(A, "avg", size=2)
    assert plane.find_elements("css selector", ".line") == []


@pytest.mark.parametrize("width", [1200, 390])
def test_the_chosen_value_is_in_sight(opened: Open, width: int) -> None:
    """Of an output that is wider than its panel, whatever is chosen."""
    opened(np.linspace(-5, 5, 44), "avg", size=4, stride=2, layout="L").execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    driver = opened(np.linspace(-5, 5, 44), "avg", size=4, stride=2, layout="L")
    try:
        for key in ("", "END", "HOME"):
            press(driver, *([key] if key else []))
            seen = driver.execute_script(
                "const box = document.querySelector('#output .in').getBoundingClientRect();"
                "const board = document.getElementById('output').getBoundingClientRect();"
                "return box.left >= board.left - 1 && box.right <= board.right + 1")
            assert seen, key
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# The text, for which no browser is needed.


def test_nothing_comes_from_elsewhere() -> None:
    """One file: no address, no script that could end early, and a policy that forbids the rest."""
    text = made(A, "max", name="</script>")
    assert not re.findall(r"(?:https?:)?//[a-z]|\bsrc=|@import|\burl\(", text)
    assert text.count("</script>") == 2 and "default-src 'none'" in text
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found and json.loads(found[1])["name"] == "</script>"


def test_scripts_know_every_reducer() -> None:
    """Those that have arithmetic; a new one is offered when it has."""
    text = made(A, "max")
    for table in ("REDUCE", "WRITE"):
        body = re.search(rf"const {table} = \{{\n(.*?)\n\}};", text, re.DOTALL)
        assert body and set(re.findall(r"^  (\w+)[:,]", body[1], re.MULTILINE)) == set(EXPLAINED)
    picks = re.search(r"const PICKS = (\[.*\])", text)
    assert picks and json.loads(picks[1]) == [name for name in EXPLAINED if REDUCERS[name].picks]


def test_channels_that_are_too_many_stay_away() -> None:
    """Of a large stack only the explained one comes along."""
    x = np.zeros((64, 64, 200), np.float32)
    x[..., 5] = 1
    text = made(x, "max", channel=5, layout="HWC")
    assert len(text) < 200_000 and '"firstChannel": 5' in text and "Channel 5 of 200" in text


def test_a_window_larger_than_a_page_is_refused() -> None:
    """With what would work."""
    x = np.broadcast_to(np.uint8(0), (3000, MOST_BYTES))
    with pytest.raises(poolcli.PoolError, match=r"larger than a page.*smaller windows would work"):
        made(x, "max", size=(3000, 2))


# Numbers of the reader's own.


@pytest.mark.parametrize("typed", ["1 3 2 4\n5 6 7 8\n9 10 11 12\n13 14 15 16", "[[1, 3], [5, 6]]",
                                   "1,3,9; 5,6,2; 7,1,4"])
def test_a_matrix_may_be_pasted(opened: Open, typed: str) -> None:
    """Of any size: what the page makes of it is the library's."""
    driver = opened(A, "avg", size=2)
    driver.execute_script("by('own').open = true; by('matrix').value = arguments[0]; by('use').click()", typed)
    rows = re.split(r"[;\n]", typed.replace("],", ";"))
    x = np.array([[int(n) for n in re.findall(r"\d+", row)] for row in rows], np.uint8)
    assert driver.find_element("id", "trouble").text == ""
    same(driver, x, "avg", size=2)


@pytest.mark.parametrize(("typed", "why"), [
    ("1 2\n3", "Row 2 has 1 numbers, row 1 has 2"), ("1 x", '"x" is no number'), ("1 256", "0 to 255"),
    ("", "no numbers"),
    ("5", "does not fit"),
])
def test_what_cannot_be_pasted_is_told(opened: Open, typed: str, why: str) -> None:
    """And the page stays as it was."""
    driver = opened(A, "max", size=2)
    driver.execute_script("by('own').open = true; by('matrix').value = arguments[0]; by('use').click()", typed)
    assert why in driver.find_element("id", "trouble").text
    same(driver, A, "max", size=2)


def test_a_cell_may_be_changed(opened: Open) -> None:
    """A double click, a number, Enter."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    driver = opened(A, "max", size=2)
    ActionChains(driver).double_click(driver.find_element("css selector", '#input [data-at="1,2"]')).perform()
    driver.switch_to.active_element.send_keys("200", Keys.ENTER)
    x = A.copy()
    x[1, 2] = 200
    same(driver, x, "max", size=2)


@pytest.mark.parametrize("width", [400, 600, 1000, 1600])
def test_numbers_are_never_cut_nor_too_small(opened: Open, width: int) -> None:
    """Nothing below 9 px; where there is no room a board scrolls."""
    x = np.random.default_rng(0).normal(size=(11, 12)).astype(np.float32) * 10
    driver = opened(x, "avg", size=3, stride=1)
    driver.set_window_size(width, 1000)
    try:
        cut, least = driver.execute_script("""
          const cells = [...document.querySelectorAll(".numbers b, .samples b")];
          const all = [...document.querySelectorAll(".numbers *, .samples *")];
          const sizes = all.map((e) => parseFloat(getComputedStyle(e).fontSize));
          const cut = cells.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent);
          return [cut, Math.min(...sizes)];""")
        assert cut == [] and least >= 9
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        driver.set_window_size(1280, 1000)


def test_no_digits_are_made_up(opened: Open) -> None:
    """2^60 is written as it is."""
    assert opened(A, "max").execute_script("return [text(2 ** 60), shown(2 ** 60)]") == ["1152921504606846976"] * 2
