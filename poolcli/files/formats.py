"""The FORMATS table: what each file format is called, holds exactly, and is saved with.

A *mode* names what one picture is made of. They are Pillow's mode names, and some of ours where Pillow's say too
little: ``int8`` and ``int16`` (grey, signed), ``P+A`` (a palette with transparency), ``LAB`` only as it was read,
``LA;16``, ``RGB;16`` and ``RGBA;16`` (16 bits a channel).
No NumPy and no Pillow here: ``poolcli --help`` reads this table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from ..errors import PoolError
from ..optional_deps import BRINGS, lacking
from ..redact import printable


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an output is encoded, where its format leaves a choice.

    Grey noise is off by up to 32 after JPEG quality 75, by up to 6 after 95.
    """

    quality: int | None = None
    """None: as the format's row has it."""
    compress_level: int | None = None
    """Of PNG; None: as ``png.py`` finds best for a photograph, DRAWING for others."""
    lossless: bool | None = None
    """Of formats that can be either; None: lossless unless a quality is asked for, or the input was lossy."""
    palette: bool = False
    """At most 256 colours, as a palette, where the format has those."""
    compress: str | None = None
    """Of TIFF: what ``--compress`` takes; None: as the input was."""
    strip: bool = False
    """Leave out all that is not needed to show the pixels; the colour profile is."""


DEFAULT_ENCODING = Encoding()
DRAWING = 4
"""The level of zlib for what is no photograph. Pillow 13 on a smooth 4096 x 4096 RGB gradient: level 1 takes 1.2 s for
27.9 MB, level 4 2.8 s for 23.7 MB, level 6 4.5 s for 23.8 MB."""
_JPEG_QUALITY = 95
_OTHER_QUALITY = 85
"""Of WebP, AVIF, HEIF and JPEG XL: scales differ, and what they make of 85 looks like JPEG of 95."""
_FULL_COLOUR = 90
"""The JPEG quality from which chroma is kept at full resolution; below it nobody sees the difference."""


@dataclass(frozen=True)
class Format:
    """One row: a file format, the modes that it gives back unchanged (or takes, when ``lossy``), its limits."""

    name: str
    endings: tuple[str, ...]
    modes: frozenset[str] = frozenset()
    lossy: bool = False
    side: int | None = None
    icc: bool = False
    frames: bool = False
    """Whether it holds several pictures."""
    pages: bool = False
    """Whether they are pages, which the planes of a volume may be; frames of an animation are none."""
    separator: str | None = None
    """Between the columns of a format that is text; None for all others."""
    max_axes: int | None = None
    """The most axes of an array that it holds; None: any number."""
    found_in_folders: bool = True
    """Whether files with its endings are inputs in a folder without ``--include``: most text holds no matrix."""
    options: Callable[[Encoding], dict[str, Any]] = lambda encoding: {}
    quality: int | None = None
    """What lossy files are written with unless asked otherwise; None: there are no lossy ones."""
    exif: bool = False
    """Whether it carries EXIF tags."""
    xmp: bool = False
    """Whether Pillow writes an XMP packet into it under that name."""
    spare_byte: bool = False
    """Whether Pillow encodes RGB from pixels of four bytes, of which it ignores the last."""
    magic: tuple[bytes, ...] = ()
    """What its files may begin with; none where the ending alone says it."""
    brands: tuple[bytes, ...] = ()
    """Major brands of files made of boxes (ISO 23000-22)."""
    plugin: tuple[str, str] | None = None
    """The module below PIL, or of the library, and the class or function in it that opens a stream; None where Pillow
    does not read it."""
    quick_header: bool = False
    """Whether Pillow, or ``read_header`` of its module, reads no more than the header, and that says all of its shape
    and dtype."""
    tagged: bool = False
    """Whether it is a directory of tags, TIFF: nodata, place, compression and XMP are fields of it, and its pages are
    turned where they are read."""
    dpi: bool = False
    """Whether it says how large a pixel is in print."""
    comment: bool = False
    """Whether it holds a comment."""
    texts: bool = False
    """Whether it holds texts by keywords, an XMP packet among them."""
    exif_limit: int | None = None
    """The most bytes of EXIF that it holds; None: any number."""
    progressive: bool = False
    """Whether it may appear whole and coarse first."""
    to_descriptor: bool = False
    """Whether Pillow's encoder lets other threads run only while it writes to a file number."""
    own_encoder: bool = False
    """Whether photographs, and modes that Pillow lacks, are compressed by ourselves (``png.py``)."""
    few_colours: bool = False
    """Whether colours are at most 256, those of a palette."""
    timing: Callable[[int, bool], dict[str, Any]] = lambda plays, alpha: {"loop": plays}
    """How Pillow is told how often an animation is played (0: for ever), and that frames with ``alpha`` replace each
    other whole."""
    numpy: bool = False
    """Whether it is a file of NumPy's."""
    keeps: str = ""
    """What a result keeps beside its samples, in words."""
    places: frozenset[str] = frozenset()
    """What it says of where its samples lie: kinds of ``poolcli.place.Georeference``."""
    container: str | None = None
    """The format whose first bytes its files have."""
    variant_of: str | None = None
    """The format whose endings and first bytes its files have: a file is one of these where the function ``recognises``
    of its module says so, and a result is where its place is of a kind that this row holds. Results have the input's
    dtype, as pictures have."""
    module: str | None = None
    """The module below ``poolcli.files`` that reads and writes it, by its functions ``read`` and ``write``."""
    boxes: str | None = None
    """The module below ``poolcli.files`` that reads large files of it box by box, by its functions ``is_large`` and
    ``open_boxes``; None where files are read whole."""
    tiled: bool = False
    """Whether a large picture is written tile by tile."""
    chunked: bool = False
    """Whether an array is written chunk by chunk, by ``poolcli.chunked.run_array``."""
    is_folder: bool = False
    """Whether it is a folder of chunks, and no stream of bytes."""
    library: str | None = None
    """What reads and writes it in place of Pillow alone; an extra brings it, and it is imported only for such files."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes have the same table: a row goes there by its name."""
        return format_named, (self.name,)

    @cached_property
    def is_array(self) -> bool:
        """True for the formats of arrays, which hold any real dtype, and any shape but for ``max_axes``."""
        return not self.modes

    @cached_property
    def is_animated(self) -> bool:
        """True for formats whose several pictures are frames: each is drawn over the one before."""
        return self.frames and not self.pages

    @cached_property
    def keeps_dtype(self) -> bool:
        """True for formats whose results have the input's dtype unless another is asked for."""
        return not self.is_array or self.variant_of is not None

    @cached_property
    def is_text(self) -> bool:
        """True for rows of numbers that people read."""
        return self.separator is not None


def _png_options(encoding: Encoding) -> dict[str, Any]:
    return {"compress_level": DRAWING if encoding.compress_level is None else encoding.compress_level}


def _jpeg_options(encoding: Encoding) -> dict[str, Any]:
    quality = _JPEG_QUALITY if encoding.quality is None else encoding.quality
    return {"quality": quality, "subsampling": 0 if quality >= _FULL_COLOUR else 2}


def _webp_options(encoding: Encoding) -> dict[str, Any]:
    # Without exact=True WebP changes the colour under alpha 0. Lossless quality is only effort: it stays at Pillow's.
    if _is_lossless(encoding):
        return {"lossless": True, "exact": True}
    return {"quality": _OTHER_QUALITY if encoding.quality is None else encoding.quality}


def _is_lossless(encoding: Encoding) -> bool:
    """Whether a format that can be either is written without loss, where nothing is known of the input."""
    return encoding.quality is None if encoding.lossless is None else encoding.lossless


def _avif_options(encoding: Encoding) -> dict[str, Any]:
    quality = _OTHER_QUALITY if encoding.quality is None else encoding.quality
    return {"quality": quality, "subsampling": "4:4:4" if quality >= _FULL_COLOUR else "4:2:0"}


def _heif_options(encoding: Encoding) -> dict[str, Any]:
    quality = _OTHER_QUALITY if encoding.quality is None else encoding.quality
    return {"quality": quality, "chroma": "444" if quality >= _FULL_COLOUR else "420"}


def _jxl_options(encoding: Encoding) -> dict[str, Any]:
    if _is_lossless(encoding):
        return {"lossless": True}
    return {"quality": _OTHER_QUALITY if encoding.quality is None else encoding.quality}


def _gif_options(encoding: Encoding) -> dict[str, Any]:
    # Optimised, Pillow drops unused colours: grey comes back as RGB and indices as other indices.
    return {"optimize": False}


def _gif_timing(plays: int, alpha: bool) -> dict[str, Any]:
    # GIF says how often it is repeated, or nothing
    return ({} if plays == 1 else {"loop": max(plays - 1, 0)}) | ({"disposal": 2} if alpha else {})


def _png_timing(plays: int, alpha: bool) -> dict[str, Any]:
    return {"loop": plays, "blend": 0}


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BESIDE = frozenset({"world file"})
# The order is the order in which a format that can is suggested. Sides: Pillow raises OSError, ValueError or
# OverflowError above them, by format, and JPEG prints to fd 2 as well.
_ROWS = (
    Format("PNG", (".png", ".apng"), _words("1 L LA RGB RGBA I;16 P P+A LA;16 RGB;16 RGBA;16"), side=2**31 - 1,
           icc=True, frames=True, options=_png_options, exif=True, magic=(b"\x89PNG\r\n\x1a\n",),
           plugin=("PngImagePlugin", "PngImageFile"), quick_header=True, dpi=True, texts=True, own_encoder=True,
           timing=_png_timing, places=_BESIDE, keeps="colour profile, EXIF, texts, palette, timing, world file"),
    Format("TIFF", (".tif", ".tiff"), _words("1 L LA RGB RGBA I;16 I F CMYK LAB P PA int8 int16"), side=2**31 - 1,
           icc=True, frames=True, pages=True, exif=True,
           magic=(b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0"),
           plugin=("TiffImagePlugin", "TiffImageFile"), quick_header=True, tagged=True, dpi=True,
           places=frozenset({"GeoTIFF", "world file"}), boxes="tiff.tiff_array", tiled=True,
           keeps="place and reference system, nodata, band names, compression, tiles, planes, EXIF, "
                 "colour profile, pages"),
    Format("OME", (".ome.tif", ".ome.tiff"), library="tifffile", module="georef.ome_tiff", container="TIFF",
           places=frozenset({"OME-TIFF", "ImageJ"}),
           keeps="names of axes, physical sizes, time step, channels, compression, tiles"),
    Format("IMAGEJ", (), library="tifffile", module="georef.imagej", container="TIFF", variant_of="TIFF",
           places=frozenset({"ImageJ"}), keeps="names of axes, pixel sizes, unit, time step, labels, colours, ranges"),
    # RGB, LA and RGBA as far as 256 colours reach, which only the pixels can say: writing checks it.
    Format("GIF", (".gif",), _words("L P P+A RGB LA RGBA"), side=65_535, frames=True, options=_gif_options,
           magic=(b"GIF87a", b"GIF89a"), plugin=("GifImagePlugin", "GifImageFile"), comment=True, few_colours=True,
           timing=_gif_timing, keeps="palette, timing, comment"),
    Format("BMP", (".bmp",), _words("1 L RGB P"), side=2**31 - 1, places=_BESIDE, magic=(b"BM",),
           plugin=("BmpImagePlugin", "BmpImageFile"), quick_header=True, dpi=True, keeps="world file"),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm"), _words("1 L RGB I;16"), side=2**31 - 1,
           magic=(b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf"), plugin=("PpmImagePlugin", "PpmImageFile")),
    # Grey comes back as three channels, so WebP does not hold it.
    Format("WEBP", (".webp",), _words("RGB RGBA"), side=16_383, icc=True, frames=True, options=_webp_options,
           quality=_OTHER_QUALITY, exif=True, xmp=True, plugin=("WebPImagePlugin", "WebPImageFile"),
           keeps="colour profile, EXIF, XMP, timing"),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), _words("L RGB CMYK"), True, 65_500, True, options=_jpeg_options,
           quality=_JPEG_QUALITY, exif=True, xmp=True, spare_byte=True, places=_BESIDE, magic=(b"\xff\xd8\xff",),
           plugin=("JpegImagePlugin", "jpeg_factory"), quick_header=True, dpi=True, comment=True, exif_limit=65_000,
           progressive=True, to_descriptor=True, keeps="colour profile, EXIF, XMP, comment, world file"),
    # Pillow's encoder of AVIF always goes through YCbCr: at quality 100 samples are off by up to 3.
    Format("AVIF", (".avif",), _words("L RGB RGBA"), True, 65_535, True, options=_avif_options, quality=_OTHER_QUALITY,
           exif=True, xmp=True, brands=(b"avif", b"avis"), plugin=("AvifImagePlugin", "AvifImageFile"),
           keeps="colour profile, EXIF, XMP"),
    Format("HEIF", (".heic", ".heif", ".hif"), _words("L RGB RGBA"), True, 16_384, True, options=_heif_options,
           quality=_OTHER_QUALITY, exif=True, xmp=True, library="pillow_heif",
           brands=(b"mif1", b"msf1", b"miaf", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
           plugin=("pillow_heif.as_plugin", "HeifImageFile"), keeps="colour profile, EXIF, XMP"),
    Format("JXL", (".jxl",), _words("L LA RGB RGBA I;16"), side=2**30 - 1, options=_jxl_options, quality=_OTHER_QUALITY,
           exif=True, xmp=True, library="pillow_jxl", magic=(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
           plugin=("pillow_jxl.JpegXLImagePlugin", "JXLImageFile"), keeps="EXIF, XMP"),
    Format("NPY", (".npy",), chunked=True, numpy=True, magic=(b"\x93NUMPY",)),
    Format("NPZ", (".npz",), numpy=True, magic=(b"PK\3\4", b"PK\5\6")),
    Format("ZARR", (".zarr",), chunked=True, is_folder=True,
           keeps="attributes, names of axes, fill value, coordinates, scales of OME-Zarr"),
    Format("NIFTI", (".nii", ".nii.gz"), library="nibabel", module="georef.nifti", quick_header=True,
           places=frozenset({"NIfTI"}),
           keeps="both affines with their codes, voxel sizes, units, time step, extensions"),
    Format("FITS", (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz"), library="astropy", module="georef.fits",
           quick_header=True,
           places=frozenset({"FITS"}), keeps="world coordinates, units, BLANK, all other cards"),
    Format("NETCDF", (".nc", ".nc4", ".cdf"), library="xarray", module="georef.netcdf", places=frozenset({"NetCDF"}),
           keeps="coordinates, bounds, attributes, packing, cell_methods"),
    # weights of networks are HDF5 too, so a folder's are no inputs unless they are named
    Format("HDF5", (".h5", ".hdf5"), library="xarray", module="georef.netcdf", places=frozenset({"NetCDF"}),
           found_in_folders=False, keeps="attributes; of NetCDF-4 coordinates, bounds, packing, cell_methods"),
    Format("CSV", (".csv",), separator=",", max_axes=2, found_in_folders=False),
    Format("TSV", (".tsv",), separator="\t", max_axes=2, found_in_folders=False),
    Format("TEXT", (".txt",), separator=" ", max_axes=2, found_in_folders=False),
)

FORMATS: Mapping[str, Format] = MappingProxyType({row.name: row for row in _ROWS})
ENDINGS: Mapping[str, Format] = MappingProxyType({ending: row for row in _ROWS for ending in row.endings})
TEXT_ENDINGS = tuple(ending for ending, row in ENDINGS.items() if row.is_text)
KNOWN = tuple(ENDINGS)
"""For ``endswith``, a tenth of the time of taking a name apart."""
UNREAD = _words(
    ".3fr .ai .arw .bpg .cr2 .cr3 .crw .dcm .dcr .dds .dng .emf .eps .erf .exr .fff .hdr .j2c .j2k .jls .jp2 .jpf .jpx"
    " .jxr .kdc .mos .mrw .nef .nrw .orf .pcx .pef .psb .psd .qoi .raf .raw .rw2 .rwl .sgi .sr2 .srf .srw .svg .tga"
    " .wdp .wmf .x3f .xcf"
)
"""Endings of pictures that are not read: cameras' raw data, layers, drawings, rarer codecs. In a folder they are
counted, so that nobody takes them for done."""


@cache
def in_folders() -> tuple[str, ...]:
    """Endings of files that are inputs in a folder: those that can be read here."""
    return tuple(ending for ending, row in ENDINGS.items()
                 if row.found_in_folders and _is_installed(row))


def _is_installed(row: Format) -> bool:
    return row.library is None or lacking(row.library) is None


def unread_ending(name: str) -> str | None:
    """The ending of a file that looks like a picture and is not read here; None for all others."""
    ending = split_ending(name)[1].lower()
    row = ENDINGS.get(ending)
    missing = row is not None and row.found_in_folders and not ending.endswith(in_folders())
    return ending if ending in UNREAD or missing else None


def list_installs(endings: Iterable[str]) -> dict[str, str]:
    """What reads files of these endings, by ending, where an extra does."""
    libraries = {ending: ENDINGS[ending].library for ending in endings if ending in ENDINGS}
    return {ending: f'pip install "poolcli[{BRINGS[library]}]"' for ending, library in libraries.items() if library}


# What an array is, by dtype and channels; a source that counted the same channels otherwise keeps its own mode.
_MODES: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        ("bool", 1): "1",
        ("uint8", 1): "L",
        ("uint8", 2): "LA",
        ("uint8", 3): "RGB",
        ("uint8", 4): "RGBA",
        ("uint16", 1): "I;16",
        ("uint16", 2): "LA;16",
        ("uint16", 3): "RGB;16",
        ("uint16", 4): "RGBA;16",
        ("int8", 1): "int8",
        ("int16", 1): "int16",
        ("int32", 1): "I",
        ("float32", 1): "F",
    }
)
_TWINS = {"CMYK": "RGBA", "LAB": "RGB", "PA": "LA", "P": "L", "P+A": "L", "CMYK;16": "RGBA;16", "LAB;16": "RGB;16"}
WIDE = {"LA;16": "LA", "RGB;16": "RGB", "RGBA;16": "RGBA"}
"""Modes of 16 bits that Pillow lacks, and the one of 8 bits that it has."""
EXPANDED = {"P": "RGB", "P+A": "RGBA", "PA": "RGBA"}


_OF_TWO_PARTS = tuple(ending for ending in ENDINGS if ending.count(".") > 1)


def split_ending(name: str) -> tuple[str, str]:
    """Split a name into what comes before its ending, and the ending; some have two parts.

    >>> split_ending("brain.nii.gz"), split_ending("a.b/c"), split_ending("photo.JPG")
    (('brain', '.nii.gz'), ('a.b/c', ''), ('photo', '.JPG'))
    """
    lower = name.lower()
    if lower.endswith(_OF_TWO_PARTS):
        found = next(one for one in _OF_TWO_PARTS if lower.endswith(one))
        return name[: -len(found)], name[-len(found) :]
    return os.path.splitext(name)


def find_format(name: str) -> Format | None:
    """Return the format that the ending of a name says; None where it says none."""
    return ENDINGS.get(split_ending(name)[1].lower())


def list_variants(name: str) -> tuple[Format, ...]:
    """Return the formats whose files look like those of another one."""
    return tuple(row for row in _ROWS if row.variant_of == name)


def choose_variant(row: Format, place_kind: str | None) -> Format:
    """Return the format that a result gets whose ending says ``row``, by the kind of its place."""
    return next((one for one in list_variants(row.name) if place_kind in one.places), row)


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format that the ending of ``path`` names; raise PoolError when it names none."""
    ending = split_ending(os.fspath(path))[1].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    what = f"the ending '{printable(ending)}' is of no known format" if ending else "the name has no ending"
    raise PoolError(f"{what}; known are {_join_words(ENDINGS, 'and')}")


def format_named(name: str) -> Format:
    """Return the format called ``name`` ("png", "jpg", "TIFF", ".npy"); raise PoolError for any other."""
    wanted = name.strip().lower().lstrip(".")
    if wanted.upper() in FORMATS:
        return FORMATS[wanted.upper()]
    if f".{wanted}" in ENDINGS:
        return ENDINGS[f".{wanted}"]
    raise PoolError(f"no format is called '{printable(name)}'; known are {_join_words(FORMATS, 'and').lower()}")


def is_lossy(row: Format, encoding: Encoding) -> bool:
    """Return True when what is read back may differ from what was written."""
    return row.lossy or (row.quality is not None and not _is_lossless(encoding))


def settle_encoding(row: Format, encoding: Encoding, lossy: bool) -> Encoding:
    """Fill in what follows from the format and from whether the input was ``lossy``."""
    lossless = _is_lossless(encoding) and (not lossy or encoding.lossless is True)
    quality = row.quality if encoding.quality is None else encoding.quality
    return replace(encoding, quality=quality, lossless=lossless and not row.lossy)


def mode_of(dtype: object, shape: tuple[int, ...], mode: str | None = None) -> str | None:
    """Return the mode of a picture of this dtype and shape (H, W) or (H, W, C), or None when no format has one.

    ``dtype`` is a NumPy dtype or its name. ``mode`` is the source's: four channels of CMYK stay CMYK.
    """
    own = _MODES.get((_dtype_name(dtype), _count_channels(shape)))
    return mode if mode in _TWINS and _TWINS[mode] == own else own


def holds(
    row: Format, dtype: object, shape: tuple[int, ...], mode: str | None = None, pages: int | None = None
) -> None:
    """Raise PoolError unless ``row`` can hold such an array; the message names a format that can.

    ``dtype`` is a NumPy dtype or its name, ``shape`` (H, W) or (H, W, C) for pictures and anything for arrays,
    ``mode`` the mode of the source; with ``pages`` the first axis counts pictures. No pixel is needed, so this is
    checked before any work.
    """
    if row.is_array:
        if row.max_axes is not None and len(shape) > row.max_axes:
            raise PoolError(f"{row.name} holds rows and columns, and the result has {len(shape)} axes: {shape}; .npy "
                            "can hold it, and where axes have length 1 --squeeze would work")
        return
    if pages is not None:
        if not row.frames:
            several = _join_words([one.endings[0] for one in _ROWS if one.frames])
            raise PoolError(f"{row.name} holds one picture, not {shape[0]:,}; {several} can hold several")
        if shape[0]:
            shape = shape[1:]
    if len(shape) not in (2, 3):
        raise PoolError(f"{row.name} holds (height, width) or (height, width, channels), not {shape}; .npy can hold it")
    if 0 in shape:
        raise PoolError(f"{row.name} cannot hold an empty picture of shape {shape}; .npy can")
    own = mode_of(dtype, shape, mode)
    if pages is not None and row.name == "PNG" and own in ("I;16", *WIDE):
        raise PoolError("PNG holds frames of 8 bits; .tif can hold 16-bit pages, .npy anything")
    if not _takes_mode(row, own) and not _by_tifffile(row, dtype):
        hint = ", and .tif with pip install poolcli[tiff]" if row.name == "TIFF" else ""
        raise PoolError(f"{row.name} cannot hold {_describe(dtype, shape, own)}; {_list_able_formats(own)} can{hint}")
    if row.side is not None and max(shape[:2]) > row.side:
        raise PoolError(
            f"{row.name} holds sides up to {row.side:,} pixels, not {shape[1]}x{shape[0]}; .npy and .tif can hold it"
        )
    if row.library is not None and (reason := lacking(row.library)):  # last: nobody installs what would not help
        raise PoolError(f"{row.name} {reason}")


def has_tifffile() -> bool:
    """Whether the extra ``poolcli[tiff]`` is there, without importing it."""
    from importlib.util import find_spec

    return find_spec("tifffile") is not None


def _by_tifffile(row: Format, dtype: object) -> bool:
    """Whether TIFF holds it, but not through Pillow: any number of channels of any real numbers."""
    return row.name == "TIFF" and _dtype_name(dtype) != "bool" and has_tifffile()


def _takes_mode(row: Format, mode: str | None) -> bool:
    return mode in row.modes or (mode in EXPANDED and EXPANDED[mode] in row.modes)


def _list_able_formats(mode: str | None) -> str:
    exact = [row.endings[0] for row in _ROWS if _takes_mode(row, mode) and not row.lossy and _is_installed(row)]
    return _join_words([*exact, ".npy"])


def _describe(dtype: object, shape: tuple[int, ...], mode: str | None) -> str:
    channels = _count_channels(shape)
    text = f"{_dtype_name(dtype)} with {channels} channel{'s' * (channels != 1)}"
    return f"{text} ({mode})" if mode in _TWINS else text


def _join_words(names: Iterable[str], word: str = "or") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def _count_channels(shape: tuple[int, ...]) -> int:
    return shape[2] if len(shape) == 3 else 1


def _dtype_name(dtype: object) -> str:
    return str(getattr(dtype, "name", dtype))
