"""Photographs in newer formats: lossy stays lossy, lossless stays lossless, and what an extra brings says so."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call
from PIL import Image

from poolcli.errors import PoolError
from poolcli.files import read
from poolcli.files.images.jxl import read_jxl_header
from poolcli.files.images.pillow_open import image_kind


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in the folder of the test's files."""
    monkeypatch.chdir(tmp_path)
    return here


def photograph() -> Any:
    """Smooth colours with some noise, 64 x 96."""
    y, x = np.mgrid[:64, :96]
    noise = np.random.default_rng(1).integers(-9, 10, (64, 96, 3))
    return np.clip(np.stack([2 * x, 3 * y, x + y], axis=-1) + noise + 20, 0, 255).astype(np.uint8)


def averaged(array: Any) -> Any:
    """The mean of each 2 x 2 block, in floats."""
    return array.astype(float).reshape(32, 2, 48, 2, -1).mean((1, 3))


def chunk(path: Path) -> bytes:
    """What a WebP file is made of, by its own bytes: VP8 is lossy, VP8L is not."""
    data = path.read_bytes()
    return next(kind for kind in (b"VP8L", b"VP8 ") if kind in data)


def test_lossy_webp_stays_lossy_and_small(run: Call, tmp_path: Path) -> None:
    """A halved WebP is smaller than it was, quality is heeded, and the report says that it is lossy."""
    Image.fromarray(photograph()).save(tmp_path / "a.webp", quality=80)
    done = run("avg", "-k", "2", "--json", "a.webp", "-o", "b.webp")
    assert chunk(tmp_path / "b.webp") == b"VP8 " and "lossy: WEBP of quality 85" in done.out
    assert (tmp_path / "b.webp").stat().st_size < (tmp_path / "a.webp").stat().st_size
    for quality in ("20", "60"):
        assert run("avg", "-k", "2", "--quality", quality, "a.webp", "-o", f"q{quality}.webp").code == 0
    sizes = [(tmp_path / name).stat().st_size for name in ("q20.webp", "q60.webp", "b.webp")]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3


def test_lossless_webp_stays_lossless(run: Call, tmp_path: Path) -> None:
    """So does what comes from PNG; a quality that is asked for makes it lossy, a JPEG as input too."""
    Image.fromarray(photograph()).save(tmp_path / "a.webp", lossless=True, exact=True)
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    Image.fromarray(photograph()).save(tmp_path / "a.jpg")
    expected = np.floor(averaged(photograph()) + 0.5)
    for source in ("a.webp", "a.png"):
        assert run("avg", "-k", "2", "--overwrite", source, "-o", "b.webp").code == 0
        assert chunk(tmp_path / "b.webp") == b"VP8L"
        assert np.array_equal(np.asarray(Image.open(tmp_path / "b.webp")), expected)
    assert run("avg", "-k", "2", "--quality", "90", "a.png", "-o", "c.webp").code == 0
    assert run("avg", "-k", "2", "a.jpg", "-o", "d.webp").code == 0
    assert chunk(tmp_path / "c.webp") == chunk(tmp_path / "d.webp") == b"VP8 "


LIBRARIES = {"avif": None, "heic": "pillow_heif", "jxl": "pillow_jxl"}


def saved(path: Path, **options: Any) -> Path:
    """Write a photograph by the library that the format needs."""
    library = LIBRARIES.get(path.suffix[1:])
    if library is not None:
        pytest.importorskip(library, reason="the extra is missing")
    if library == "pillow_heif":
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.fromarray(photograph()).save(path, {"avif": "AVIF", "heic": "HEIF", "jxl": "JXL"}[path.suffix[1:]], **options)
    return path


@pytest.mark.parametrize("ending", LIBRARIES)
def test_newer_formats_are_read_and_written(ending: str, run: Call, tmp_path: Path) -> None:
    """As Pillow, or the library, reads them; quality is heeded; EXIF stays."""
    exif = Image.Exif()
    exif[306] = "2024:01:02 03:04:05"
    source = saved(tmp_path / f"a.{ending}", quality=90, exif=exif.tobytes())
    before = read(source)
    assert before.array.shape == (64, 96, 3) and np.abs(before.array.astype(int) - photograph()).mean() < 6
    sizes = []
    for quality in ("30", "95"):
        done = run("avg", "-k", "2", "--json", "--quality", quality, source, "-o", f"b{quality}.{ending}")
        assert done.code == 0 and f"of quality {quality}" in done.out
        after = read(tmp_path / f"b{quality}.{ending}")
        assert after.array.shape == (32, 48, 3)
        assert after.source.metadata is not None and after.source.metadata.exif[306] == "2024:01:02 03:04:05"
        sizes.append((tmp_path / f"b{quality}.{ending}").stat().st_size)
    assert np.abs(after.array - averaged(before.array)).mean() < 3
    assert sizes[0] < sizes[1]
    assert run("avg", "-k", "2", source, "-o", "c.png").code == 0


def test_jpeg_xl_is_lossless_unless_asked(run: Call, tmp_path: Path) -> None:
    """Every sample comes back; grey of 16 bits too."""
    pytest.importorskip("pillow_jxl", reason="the extra is missing")
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    assert run("subsample", "-k", "2", "a.png", "-o", "b.jxl").code == 0
    assert np.array_equal(read(tmp_path / "b.jxl").array, photograph()[::2, ::2])
    deep = photograph()[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "d.png")
    assert run("subsample", "-k", "2", "d.png", "-o", "d.jxl").code == 0
    assert np.array_equal(read(tmp_path / "d.jxl").array, deep[::2, ::2])


@pytest.mark.parametrize("size", [(64, 96), (8, 8), (61, 97), (7, 300), (200, 200), (90, 160)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_the_header_of_jpeg_xl(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    """Its size, and whether it is lossy, as its encoder was told; with a container around it too."""
    pytest.importorskip("pillow_jxl", reason="the extra is missing")
    for number, options in enumerate(({"lossless": True}, {"quality": 80}, {"quality": 80, "use_container": True})):
        path = tmp_path / f"{number}.jxl"
        Image.new(mode, size, "red" if "RGB" in mode else 80).save(path, "JXL", **options)
        with path.open("rb") as stream:
            header = read_jxl_header(stream)
        assert header is not None and header.size == size and header.lossy is ("quality" in options)
    assert read_jxl_header(io.BytesIO(b"\xff\x0a")) is None and read_jxl_header(io.BytesIO(b"")) is None


def test_lossy_jpeg_xl_stays_lossy_and_large_ones_are_refused(run: Call, tmp_path: Path) -> None:
    """A quality goes on; more pixels than allowed are seen before they are decoded."""
    saved(tmp_path / "a.jxl", quality=70)
    done = run("avg", "-k", "2", "--json", "a.jxl", "-o", "b.jxl")
    assert "lossy: JXL of quality 85" in done.out and read(tmp_path / "b.jxl").source.lossy
    refused = run("avg", "-k", "2", "--max-pixels", "1000", "a.jxl", "-o", "c.jxl")
    assert refused.code == 1 and "96x64 is more than 1,000 pixels" in refused.err


@pytest.mark.parametrize(("ending", "extra"), [("heic", "heif"), ("jxl", "jxl")])
def test_a_missing_extra_is_named(ending: str, extra: str, run: Call, tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """To read such a file and to write one: one line, with what to install."""
    heads = {"heic": b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "jxl": b"\0\0\0\x0cJXL \r\n\x87\n"}
    (tmp_path / f"a.{ending}").write_bytes(heads[ending] + bytes(99))
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    monkeypatch.setattr("poolcli.optional_deps.find_spec", lambda name: None)
    for arguments in ((f"a.{ending}", "-o", "b.png"), ("a.png", "-o", f"b.{ending}")):
        done = run("max", *arguments)
        assert done.code == 1 and f'pip install "poolcli[{extra}]" would work' in done.err
        assert len(done.err.splitlines()) == 1


def test_other_pictures_import_none_of_it(tmp_path: Path) -> None:
    """A PNG run has neither library, nor Pillow's AVIF."""
    import subprocess

    Image.fromarray(photograph()).save(tmp_path / "a.png")
    code = ("import sys; from poolcli.files import read, write; a = read('a.png'); write('b.png', a.array, a.source); "
            "print(sorted({'pillow_heif', 'pillow_jxl', 'PIL.AvifImagePlugin'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "[]\n"


def test_boxes_are_told_apart_by_their_brands() -> None:
    """AVIF by its major brand, or within HEIF's own general ones by those that it is compatible with."""
    for brands, kind in (((b"avif", b"mif1"), "AVIF"), ((b"heic", b"mif1"), "HEIF"), ((b"mif1", b"heic"), "HEIF"),
                         ((b"mif1", b"avif"), "AVIF"), ((b"avis", b"msf1"), "AVIF")):
        head = b"\0\0\0\x1cftyp" + brands[0] + bytes(4) + b"".join(brands)
        assert image_kind(io.BytesIO(head + bytes(99))) == kind
    with pytest.raises(PoolError, match="not an image"):
        image_kind(io.BytesIO(b"\0\0\0\x1cftypmp42" + bytes(99)))


@pytest.mark.parametrize("progressive", [True, False])
def test_a_progressive_jpeg_stays_one(progressive: bool, run: Call, tmp_path: Path) -> None:
    """And a plain one plain."""
    Image.fromarray(photograph()).save(tmp_path / "a.jpg", progressive=progressive)
    assert run("avg", "-k", "2", "a.jpg", "-o", "b.jpg").code == 0
    with Image.open(tmp_path / "b.jpg") as image:
        assert bool(image.info.get("progressive")) is progressive


def test_a_palette_is_written_only_if_asked(run: Call, tmp_path: Path) -> None:
    """Averages of its colours are RGB; with --palette they are indices, exact where 256 colours are enough."""
    few = (photograph() // 128 * 128).astype(np.uint8)
    Image.fromarray(few).quantize(8).save(tmp_path / "a.png")
    Image.fromarray(photograph()).save(tmp_path / "m.png")
    assert run("avg", "-k", "2", "a.png", "-o", "b.png").code == 0
    done = run("avg", "-k", "2", "--palette", "a.png", "-o", "c.png")
    many = run("avg", "-k", "2", "--palette", "--json", "m.png", "-o", "n.png")
    with Image.open(tmp_path / "b.png") as plain, Image.open(tmp_path / "c.png") as indexed:
        assert (plain.mode, indexed.mode) == ("RGB", "P") and done.code == 0
        assert np.array_equal(np.asarray(indexed.convert("RGB")), np.asarray(plain))
    with Image.open(tmp_path / "n.png") as image:
        assert image.mode == "P" and "lossy: a palette of 256 colours" in many.out
