"""The FORMATS table: endings, what each format holds, and errors that name one that can."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from files.pictures import MODES

from poolcli.errors import PoolError
from poolcli.files.formats import (
    ENDINGS,
    FORMATS,
    Encoding,
    format_named,
    format_of,
    holds,
    is_lossy,
    mode_of,
    settle_encoding,
)

NO_FORMAT = [("uint16", 5), ("float64", 1), ("uint32", 1), ("int64", 1), ("float16", 1), ("uint8", 5), ("bool", 3)]


def _shape(channels: int) -> tuple[int, ...]:
    return (4, 5, channels) if channels > 1 else (4, 5)


def test_every_ending_belongs_to_one_format() -> None:
    """The derived table has lost nothing: no two rows claim one ending."""
    assert len(ENDINGS) == sum(len(row.endings) for row in FORMATS.values())


@pytest.mark.parametrize("mode", MODES)
def test_mode_of_names_every_mode_from_dtype_and_channels(mode: str) -> None:
    """An array and its source's mode say what it is, for every mode that a row holds."""
    dtype, channels, source = MODES[mode]
    assert mode_of(dtype, _shape(channels), source) == mode


def test_a_source_says_nothing_about_an_array_of_another_kind() -> None:
    """One channel pooled out of CMYK is grey, and float64 is no mode, whatever it was."""
    assert mode_of("uint8", (4, 5), "CMYK") == "L"
    assert mode_of("float64", (4, 5, 4), "CMYK") is None
    assert mode_of("int32", (4, 5), "P") == "I"


def test_the_modes_of_the_rows_are_all_tested() -> None:
    """A mode that somebody adds to a row is added to the tests."""
    assert set().union(*(row.modes for row in FORMATS.values())) == set(MODES)


@pytest.fixture(params=[True, False], ids=["all-installed", "none-installed"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the libraries that extras bring are there, whatever this machine has."""
    monkeypatch.setattr("poolcli.optional_deps.find_spec", lambda name: request.param or None)
    return bool(request.param)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_names_formats_that_can(name: str, mode: str, installed: bool) -> None:
    """Whatever ending an error proposes takes the same array without loss, with what is installed."""
    dtype, channels, source = MODES[mode]
    if not installed and FORMATS[name].library is not None and _fits(name, mode):
        with pytest.raises(PoolError, match=rf"{name} needs \w+, which is not installed; pip install"):
            holds(FORMATS[name], dtype, _shape(channels), source)
        return
    try:
        holds(FORMATS[name], dtype, _shape(channels), source)
    except PoolError as error:
        text = str(error)
        channel = f"{name} cannot hold {dtype} with {channels} channel"
        assert text.startswith(channel if FORMATS[name].max_axes is None else f"{name} holds rows and columns")
        proposed = re.findall(r"\.\w+", text.split(";")[1])
        assert ".npy" in proposed
        for ending in proposed:
            assert not ENDINGS[ending].lossy
            holds(ENDINGS[ending], dtype, _shape(channels), source)


def _fits(name: str, mode: str) -> bool:
    modes = FORMATS[name].modes
    return mode in modes or {"P": "RGB", "P+A": "RGBA", "PA": "RGBA"}.get(mode) in modes


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("dtype", "channels"), NO_FORMAT)
def test_what_only_arrays_hold_is_sent_to_npy(dtype: str, channels: int,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tifffile float64 and the like fit no picture format, and the message says where they fit."""
    monkeypatch.setattr("poolcli.files.formats.has_tifffile", lambda: False)
    for row in FORMATS.values():
        if row.max_axes is not None and channels > 1:
            with pytest.raises(PoolError, match=r"rows and columns.*\.npy can hold it"):
                holds(row, dtype, _shape(channels))
        elif row.is_array:
            holds(row, dtype, _shape(channels))
        else:
            said = rf"{dtype} with {channels} channels?; \.npy can(, and \.tif with .*)?$"
            with pytest.raises(PoolError, match=said):
                holds(row, dtype, _shape(channels))


def test_the_exact_words() -> None:
    """The message as a user reads it."""
    with pytest.raises(PoolError, match=re.escape("PNG cannot hold float32 with 1 channel; .tif or .npy can")):
        holds(FORMATS["PNG"], "float32", (4, 4))
    with pytest.raises(PoolError, match=re.escape("PNG cannot hold uint8 with 4 channels (CMYK); .tif or .npy can")):
        holds(FORMATS["PNG"], "uint8", (4, 4, 4), "CMYK")


def test_the_exact_words_follow_what_is_installed(installed: bool) -> None:
    """A format is proposed where it can be written now, and what is missing is named where it alone is missing."""
    able = ".png, .tif, .gif, .jxl or .npy can" if installed else ".png, .tif, .gif or .npy can"
    with pytest.raises(PoolError, match=re.escape(f"BMP cannot hold uint8 with 2 channels; {able}")):
        holds(FORMATS["BMP"], "uint8", (4, 4, 2))
    with pytest.raises(PoolError, match="JXL cannot hold float32 with 1 channel"):
        holds(FORMATS["JXL"], "float32", (4, 4))


def test_cmyk_goes_to_jpeg_and_tiff_only() -> None:
    """PNG raises OSError on CMYK in Pillow, WebP converts it in silence."""
    able = {name for name, row in FORMATS.items() if "CMYK" in row.modes}
    assert able == {"JPEG", "TIFF"}


def test_an_empty_picture_is_refused() -> None:
    """Pillow raises ValueError for it; .npy holds it."""
    with pytest.raises(PoolError, match=r"empty picture of shape \(0, 5\); \.npy can"):
        holds(FORMATS["PNG"], "uint8", (0, 5))
    holds(FORMATS["NPY"], "uint8", (0, 5))


@pytest.mark.parametrize("shape", [(5,), (1, 2, 3, 4), ()])
def test_a_picture_has_two_or_three_axes(shape: tuple[int, ...]) -> None:
    """A sequence or a batch is no picture."""
    with pytest.raises(PoolError, match=re.escape(f"not {shape}; .npy can hold it")):
        holds(FORMATS["PNG"], "uint8", shape)


@pytest.mark.parametrize(("name", "side"), [("WEBP", 16_383), ("JPEG", 65_500), ("GIF", 65_535)])
def test_sides_are_limited_by_format(name: str, side: int) -> None:
    """The longest side passes, one pixel more does not, either way round."""
    row = FORMATS[name]
    holds(row, "uint8", (side, 1, 3))
    for shape in ((side + 1, 1, 3), (1, side + 1, 3)):
        with pytest.raises(PoolError, match=rf"{name} holds sides up to {side:,} pixels"):
            holds(row, "uint8", shape)


def test_endings_are_found_in_any_case() -> None:
    """A camera writes IMG.JPG."""
    assert format_of("/a.b/IMG.JPG") is FORMATS["JPEG"]
    assert format_of("x.tar.npy") is FORMATS["NPY"]


@pytest.mark.parametrize("path", ["a.xyz", "a", ".png", "a.b/c"])
def test_an_unknown_ending_lists_the_known_ones(path: str) -> None:
    """An output without a known ending has no format; .png alone is a name, not an ending."""
    with pytest.raises(PoolError, match=r"known are \.png, .* and \.txt"):
        format_of(path)


@pytest.mark.parametrize("name", ["png", "PNG", ".png", " Png "])
def test_a_format_is_named_in_any_case(name: str) -> None:
    """--format png."""
    assert format_named(name) is FORMATS["PNG"]
    assert format_named("jpg") is FORMATS["JPEG"]


def test_an_unknown_format_lists_the_known_ones() -> None:
    """With what was given escaped, for it goes to a terminal."""
    with pytest.raises(PoolError, match=re.escape("'\\x1bexr'; known are png, ")):
        format_named("\x1bexr")


def test_lossy_is_jpeg_and_webp_unless_lossless() -> None:
    """The report says "lossy" where it is."""
    lossy = {name for name, row in FORMATS.items() if is_lossy(row, Encoding(lossless=False))}
    assert lossy == {"JPEG", "WEBP", "AVIF", "HEIF", "JXL"}
    assert {name for name, row in FORMATS.items() if is_lossy(row, Encoding())} == {"JPEG", "AVIF", "HEIF"}
    for lossy_input, quality, expected in ((False, None, True), (True, None, False), (False, 60, False)):
        settled = settle_encoding(FORMATS["WEBP"], Encoding(quality=quality), lossy_input)
        assert (settled.lossless, settled.quality) == (expected, quality or 85)
    assert settle_encoding(FORMATS["WEBP"], Encoding(lossless=True), True).lossless is True
    assert settle_encoding(FORMATS["JPEG"], Encoding(), False) == Encoding(quality=95, lossless=False)


def test_save_options_follow_the_encoding() -> None:
    """Quality 95 without chroma subsampling, WebP exact, by default; each can be chosen."""
    assert FORMATS["JPEG"].options(Encoding()) == {"quality": 95, "subsampling": 0}
    assert FORMATS["WEBP"].options(Encoding()) == {"lossless": True, "exact": True}
    assert FORMATS["WEBP"].options(Encoding(lossless=False, quality=7)) == {"quality": 7}
    assert FORMATS["PNG"].options(Encoding(compress_level=9)) == {"compress_level": 9}


def test_gate_10_the_table_imports_nothing_heavy() -> None:
    """`poolcli --help` reads it; --help must not pay for NumPy or Pillow."""
    code = "import sys, poolcli.files; print(sorted({'numpy', 'PIL', 'zipfile'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
