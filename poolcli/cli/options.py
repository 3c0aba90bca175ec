"""Every option that several commands share, exactly once.

==========  =========================================================================  ===========================
section     options                                                                    used by
==========  =========================================================================  ===========================
windows     --size --stride --padding --dilation --ceil --global --adaptive            every reducer
            --fractional --area --scale --touch --seed --u --disjoint --pseudorandom
values      --layout --squeeze --pad-mode --pad-value --nan --nodata --dtype --round   every reducer
files       --output --overwrite --skip-existing --in-place --dry-run --recursive      every reducer
            --include --exclude --files-from --files-from0 --stream --key --indices
            --format --jobs --memory --fail-fast --isolate --timeout --scheduler
pictures    --frames --max-pixels --allow-truncated --quality --compress-level         every reducer
            --alpha --linear --place --compress --strip
report      --json --jsonl --csv --table --verbose --quiet --color --debug             every reducer; all: --debug
samples     --mask --weights --min-valid --valid-out --valid-as                        every reducer
parameters  --p --q --r --eps --weight ...                                             the reducers that have them
==========  =========================================================================  ===========================

A function here makes fresh options, so that only the invoked command pays for its own. Names of parameters are the
library's keywords; ``keywords`` picks them out. Nothing here imports NumPy: usage errors are found without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..core.choices import DTYPES, NAN_MODES, PAD_MODES, ROUNDINGS
from ..core.conventions import CONVENTIONS, apply_convention
from ..core.memory_budget import limit_to
from ..core.reducers import Parameter, Reducer, check_windows
from ..core.windowings import TOUCHES, WINDOW_KEYWORDS, WindowOptions, name_homes
from ..errors import OptionError, PoolError
from . import param_types

if TYPE_CHECKING:
    from ..files import Format

Values = Mapping[str, Any]
Value = TypeVar("Value")
Section = tuple[str, list[click.Option]]
"""A title and the options below it."""

_ALPHA = ("apart", "premultiplied")
_PLACES = ("keep", "none")
_COMPRESSIONS = ("none", "deflate", "lzw", "zstd", "lzma", "packbits")

VALUE_KEYWORDS = ("layout", "squeeze", "pad_mode", "pad_value", "nan", "nodata", "dtype", "round", "like")

ENVIRONMENT = "POOLCLI"
"""click composes POOLCLI_MAX_SIZE from it. POOLCLI_THREADS, POOLCLI_CACHE_DIR are the library's own."""
LAYOUT = "POOLCLI_LAYOUT"
"""The layout of arrays of unknown axes, for all commands; --layout and what a file says come before it."""


def sections(row: Reducer) -> list[Section]:
    """All options of a reducer's command, by the titles that help has."""
    values_of = [*parameters(row), *values(), *_whole_pixels(row), *_standard_errors(row), *valid_samples()]
    return [("Windows", windows()), ("Values", values_of), ("Files", files()), ("Pictures", pictures(row)),
            ("Report", report())]


def option(*names: str, **settings: Any) -> click.Option:
    """An option; a value of several words in help is set apart by its metavar."""
    return click.Option(names, **settings)


def flag(*names: str, help: str) -> click.Option:
    """A switch, off unless given."""
    return click.Option(names, is_flag=True, default=False, help=help)


def choice(names: tuple[str, ...]) -> click.Choice[str]:
    """One of some names."""
    return click.Choice(names)


def windows() -> list[click.Option]:
    """Where the windows lie."""
    return [
        option("--size", "-k", type=param_types.counts, metavar="K",
               help="Samples of a window: 3, 3x2, or all (1xall), or by the names of axes: lat=2,lon=3. Default 2."),
        option("--stride", "-s", type=param_types.steps, metavar="S", help="From window to window. Default: the size."),
        option("--padding", type=param_types.padding, metavar="P",
               help="Around the input: 1, 1x2, before:after (1:0x2:2), same, same-lower or valid. Default 0."),
        option("--dilation", "-d", type=param_types.steps, metavar="D", help="From sample to sample. Default 1."),
        flag("--ceil", "ceil_mode", help="Let a last, partial window reach over the end."),
        flag("--global", "global_windows", help="One window over everything; the same as --size all."),
        option("--adaptive", type=param_types.counts, metavar="M",
               help="M windows an axis: 7, 7x5; all keeps an axis."),
        option("--fractional", type=param_types.ratios, metavar="RATIO",
               help="Input to output ratio, at least 1: 1.414, 1.5x2."),
        option("--area", type=param_types.counts, metavar="M",
               help="M windows an axis, each of its exact share: 1000x800; samples at its ends count by their part."),
        option("--scale", type=param_types.scales, metavar="R", help="The same by samples a window: 2.5, 8/3, 1.5x2."),
        option("--touch", type=choice(TOUCHES), metavar="HOW",
               help="Samples of areas count wholly: all that are touched, or half: with their middle inside."),
        option("--seed", type=param_types.parse_whole, metavar="N",
               help="Of fractional windows and random draws. Default 0."),
        option("--u", type=param_types.decimal, metavar="U",
               help="Offset in [0, 1) of fractional windows, for a seed."),
        _switch_option("overlapping", "--overlapping", "--disjoint",
                       "Fractional windows share a sample, or do not (default)."),
        _switch_option("random", "--random", "--pseudorandom", "Fractional steps in random or even order (default)."),
    ]


def _switch_option(name: str, on: str, off: str, help: str) -> click.Option:
    """A switch with a name for each position; off unless given."""
    return click.Option([f"{on}/{off}", name], default=False, help=help)


def values() -> list[click.Option]:
    """What samples mean and what results become."""
    return [
        option("--layout", type=layout, metavar="LETTERS",
               help="A letter for each axis; N and C are kept, every other is pooled. Needed for arrays of three axes "
                    "or more, unless the last is the channels of pixels: at most 4, and shorter than those pooled."),
        flag("--squeeze", help="Drop pooled axes of length 1."),
        option("--pad-mode", type=choice(PAD_MODES), metavar="MODE",
               help="What padding is: exclude (no data, the default), constant, reflect, edge or wrap."),
        option("--pad-value", type=param_types.number, metavar="V",
               help="The sample of --pad-mode constant. Default 0."),
        option("--nan", type=choice(NAN_MODES), metavar="HOW", help="propagate (default), ignore or error."),
        option("--nodata", type=_parse_nodata, metavar="V",
               help="The value of missing samples, or none. Default: what a TIFF names (GDAL_NODATA). A window with "
                    "nothing but missing samples gives it; floats give NaN, but for TIFF."),
        option("--dtype", type=choice(DTYPES), metavar="TYPE", help="The result's type: uint8, float32 ..."),
        option("--round", type=choice(ROUNDINGS), metavar="HOW",
               help="To whole numbers: half-up (default), half-even, floor or ceil."),
        option("--like", type=choice(tuple(CONVENTIONS)), metavar="SYSTEM",
               help="Another system's conventions where no option says otherwise: torch, keras, onnx, pillow, opencv, "
                    "skimage or scipy."),
    ]


def _whole_pixels(row: Reducer) -> list[click.Option]:
    """Which pixel wins with all its channels, of a reducer that picks."""
    if not row.picks:
        return []
    return [option("--by", metavar="WHAT",
                   help="Whole pixels: all channels of the one that wins by luma (0.299 red + 0.587 green + 0.114 "
                        "blue), by a channel (0, 1 ...), or by a file of scores (scores.npy, or a pattern).")]


def _standard_errors(row: Reducer) -> list[click.Option]:
    """The errors of samples, and where those of the results go."""
    if not row.standard_error:
        return []
    return [option("--sigma", metavar="FILE",
                   help="The standard error of each sample, of the input's shape or that of its pooled axes; a pattern "
                        "too. Samples are independent."),
            option("--sigma-out", type=path(), metavar="FILE",
                   help=f"Write the standard errors of the results: {row.standard_error}.")]


def valid_samples() -> list[click.Option]:
    """Which samples count, and how much."""
    return [
        option("--mask", metavar="FILE",
               help="Samples count where it is not 0; of the input's shape, or of that of its pooled axes. !FILE: "
                    "where it is 0. For many inputs a pattern: 'masks/{stem}.png'."),
        option("--weights", metavar="FILE",
               help="How much each sample counts, at least 0; a pattern too. Weighted quantiles are samples: NumPy's "
                    "inverted_cdf."),
        option("--min-valid", metavar="N",
               help="Fewer samples than that, or than a share of the window as in 50% (with weights of its weight), "
                    "have no value. Default 1."),
        option("--valid-out", type=path(), metavar="FILE",
               help="Write how many samples of each window counted, as .npy."),
        option("--valid-as", type=click.Choice(["number", "share"]),
               help="What --valid-out holds: numbers of samples, or their shares of the window, with weights of its "
                    "weight. Default number."),
    ]


def parameters(row: Reducer) -> list[click.Option]:
    """The reducer's own."""
    return [parameter(p) for p in row.parameters]


def parameter(own: Parameter) -> click.Option:
    """A row's parameter as an option."""
    name = "--" + own.name.replace("_", "-")
    text = own.help[:1].upper() + own.help[1:] + "."
    if own.kind == "flag":
        return flag(name, own.name, help=text)
    known = "" if own.default is None else f" Default {own.default:g}."
    words = _WORDS_OF_OTHERS.get(own.name)
    number = param_types.number if words is None else _number_or_one_of(words)
    return option(name, own.name, type=number, metavar="N", help=text + known)


_WORDS_OF_OTHERS: Mapping[str, tuple[str, ...]] = {"alpha": _ALPHA}
"""Parameters of a reducer that are called as an option of all others: one option takes a number or these words."""


def _number_or_one_of(words: tuple[str, ...]) -> Callable[[str], float | str]:
    """A word of another option, or a number."""
    def number(text: str) -> float | str:
        return text if text in words else param_types.number(text)
    return number


def files() -> list[click.Option]:
    """What is read and written."""
    return [
        option("--output", "-o", type=path(), metavar="OUT",
               help="A file, a FOLDER/, - for stdout, or a pattern with {stem} {ext} {reducer} {parent}. "
                    "Default: {stem}_{reducer}{ext} beside the input."),
        flag("--overwrite", help="Replace outputs that exist."),
        flag("--skip-existing", help="Pass over inputs whose output exists."),
        flag("--in-place", help="Write over the inputs; with -o, let an output be its own input."),
        flag("--dry-run", "-n", help="Print what would be written, and write nothing."),
        flag("--recursive", "-r", help="Go down into folders."),
        _globs_option("--include", "Of a folder, only files that match: *.png, or sub/*. May be repeated."),
        _globs_option("--exclude", "Of a folder, leave out files and folders that match. May be repeated."),
        option("--files-from", type=path(), metavar="FILE", help="More inputs: a name a line; - for stdin."),
        option("--files-from0", type=path(), metavar="FILE", help="The same with NUL between names: find -print0."),
        flag("--stream", help="Arrays one after another on one pipe: each is pooled and written as it comes."),
        key("The array of an .npz file or of a .zarr group."),
        option("--indices", type=path(), metavar="FILE", help="Write where each value stood, as .npy of int64."),
        option("--format", "file_format", type=_file_format, metavar="NAME",
               help="The output's format: png, tiff, npy ... Default: by its ending; npy to stdout."),
        option("--jobs", "-j", type=param_types.positive, metavar="N",
               help="Threads, or files at once. Default: the cores."),
        memory(),
        flag("--fail-fast", help="Stop at the first file that fails."),
        flag("--isolate", help="Work in processes of their own: a decoder that crashes costs its own file."),
        option("--timeout", type=param_types.seconds, metavar="S",
               help="With --isolate: the most seconds that a file may take."),
        option("--scheduler", metavar="WHERE", help="Work on a Dask cluster: tcp://host:8786, a scheduler file, or "
                                                    "local, which starts one here."),
    ]


def memory() -> click.Option:
    """What a run may hold, which is said to all that reads and pools in this process while the command runs."""
    def limit(context: click.Context, _: click.Parameter, value: int | None) -> int | None:
        """Hold no more than that as long as the command runs."""
        if value is not None:
            context.with_resource(limit_to(value))
        return value

    return click.Option(["--memory"], type=param_types.amount, metavar="BYTES", callback=limit,
                        help="Samples that may be held at once, as in 500M or 2G: files wait for each other, large "
                             "arrays go in smaller parts, and what cannot is refused. Default: three quarters of what "
                             "the process may use.")


def pictures(row: Reducer | None = None) -> list[click.Option]:
    """What of a picture is read, and how it is written; without what a reducer's own parameter is called."""
    own = () if row is None else tuple(p.name for p in row.parameters)
    return [one for one in _all_pictures() if one.name not in own]


def _all_pictures() -> list[click.Option]:
    """The options of ``pictures``."""
    return [
        option("--frames", type=param_types.frames, metavar="WHICH",
               help="Of several frames or pages: first (default), all, a number from 1, or a range 2-5."),
        option("--max-pixels", type=param_types.amount, metavar="N",
               help="Refuse larger pictures, and arrays of more samples. Default 178956970; none for arrays and "
                    "for TIFF that is read by boxes."),
        flag("--allow-truncated", help="Read pictures that are cut short as far as they go."),
        option("--quality", type=param_types.whole_between(1, 100), metavar="N",
               help="Of JPEG, WebP, AVIF, HEIC, JPEG XL: 1 to 100; below 90 most have colours at half resolution. "
                    "Default 95, of others than JPEG 85. WebP and JPEG XL are lossless unless it is given or the input "
                    "is lossy."),
        option("--compress-level", type=param_types.whole_between(0, 9), metavar="N",
               help="Of PNG: 0 to 9. Default: what suits the picture."),
        option("--alpha", type=choice(_ALPHA), metavar="HOW",
               help="premultiplied: transparent pixels give no colour (of pictures the default for avg, blur, median, "
                    "quantile); apart: a channel like others (for all else)."),
        flag("--linear", help="Average light, not sRGB codes: dark and light mix as they do in a lens."),
        flag("--palette", help="Write a palette of at most 256 colours, where the format has palettes."),
        place(), compress(),
        flag("--strip", help="Leave out EXIF, XMP, texts and resolution; the colour profile stays."),
    ]


def place() -> click.Option:
    """Whether results say where they lie."""
    return option("--place", type=choice(_PLACES), metavar="HOW",
                  help="keep (default): the result says where it lies, as GeoTIFF and others do; none: it does not.")


def compress() -> click.Option:
    """How a TIFF is compressed."""
    return option("--compress", type=choice(_COMPRESSIONS), metavar="HOW",
                  help="Of TIFF: none, deflate, lzw, zstd, lzma or packbits. Default: as the input was.")


def _globs_option(name: str, help: str) -> click.Option:
    """Patterns against names."""
    return click.Option([name], multiple=True, metavar="GLOB", help=help)


class _ArrayName(click.types.StringParamType):
    """The name of one array; in an environment variable it may hold spaces."""

    name = "name"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Take it as it is."""
        return [rv]


def key(help: str) -> click.Option:
    """Which array of several is read: one, so twice is an error."""
    return click.Option(["--key"], multiple=True, type=_ArrayName(), metavar="NAME", callback=_one_key, help=help)


def _one_key(_: click.Context, parameter: click.Parameter, given: Sequence[str]) -> str | None:
    """The one that was given, or None."""
    if len(given) > 1:
        names = ", ".join(map(param_types.quote_input, given))
        raise click.BadParameter(f"was given {len(given)} times ({names}), and one array is read; a run for each would "
                                 "work", param=parameter)
    return given[0] if given else None


def path() -> click.Path:
    """A name that shells complete; whether it can be read or written is found out later, file by file."""
    return click.Path(allow_dash=True, readable=False)


def report() -> list[click.Option]:
    """What is printed."""
    return [
        flag("--json", "as_json", help="One JSON document instead of the table."),
        flag("--jsonl", "as_jsonl", help="A JSON document a line, each as its file ends."),
        flag("--csv", "as_csv", help="Comma-separated values: a line for each file as it ends."),
        flag("--table", help="A row for each file, however many; from ten files on the default is a summary."),
        flag("--verbose", "-v", help="Say on stderr what is done, file by file; --table too."),
        flag("--quiet", "-q", help="Print errors only."),
        color(),
        debug(),
    ]


_COLORS = ("auto", "always", "never")


def color() -> click.Option:
    """Whether colours are printed."""
    return option("--color", type=choice(_COLORS), metavar="WHEN", default="auto",
                  help="auto (default: on terminals), always or never; NO_COLOR=1 is never, FORCE_COLOR=1 always.")


def wants_color(given: Values) -> bool | None:
    """Return True where colours are wanted on any stream, False where on none, None where on terminals.

    The option comes before the variables, and NO_COLOR before FORCE_COLOR.
    """
    if given["color"] != "auto":
        return bool(given["color"] == "always")
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def debug() -> click.Option:
    """Kept in the context's object, where the outermost error handler finds it."""
    return click.Option(["--debug"], is_flag=True, expose_value=False, callback=_remember_debug,
                        help="Show where an error came from.")


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Note that tracebacks are wanted."""
    if value:
        context.find_root().ensure_object(dict)["debug"] = True


def wants_debug() -> bool:
    """Whether tracebacks are wanted."""
    return bool(click.get_current_context().find_root().ensure_object(dict).get("debug"))


# The forms that are the library's to check, and need no NumPy.


NO_NODATA = "none"


def _parse_nodata(text: str) -> float | int | str:
    """The value of missing samples, or "none": no sample is missing, whatever the file says."""
    return NO_NODATA if text.lower() == NO_NODATA else param_types.number(text)


def layout(text: str) -> str:
    """Layout letters."""
    from ..core.axes import check_layout

    return _check_by(check_layout, text)


def default_layouts() -> tuple[str, ...]:
    """Return the layouts of POOLCLI_LAYOUT: of arrays that do not say their axes, each by how many axes it names."""
    from ..core.axes import check_layout

    try:
        return tuple(check_layout(letters) for letters in os.environ.get(LAYOUT, "").replace(",", " ").split())
    except PoolError as error:
        raise OptionError(LAYOUT, str(error)) from None


def default_layout(count: int) -> str | None:
    """Return the one of so many axes, or None."""
    from ..core.axes import pick_layout

    return pick_layout(default_layouts(), count)


def _file_format(text: str) -> Format:
    """A row of FORMATS."""
    from ..files import format_named

    return _check_by(format_named, text)


def _check_by(check: Callable[[str], Value], text: str) -> Value:
    """What the library's check gives, its error as click's."""
    try:
        return check(text)
    except PoolError as error:
        raise click.BadParameter(str(error)) from None


def keywords(row: Reducer, given: Values) -> dict[str, Any]:
    """The library's keywords among the options that were given, checked as far as that goes without NumPy."""
    return check_keywords(row, given)[0]


def check_keywords(row: Reducer, given: Values) -> tuple[dict[str, Any], WindowOptions]:
    """The same, and the window options checked: what ``parse_pooling`` would raise, before it costs 60 ms to import."""
    names = (*WINDOW_KEYWORDS, *VALUE_KEYWORDS, *(p.name for p in row.parameters))
    chosen = {name: given[name] for name in names if given[name] is not None and given[name] is not False}
    if chosen.get("nodata") == NO_NODATA:
        del chosen["nodata"]
    chosen = {name: value for name, value in chosen.items() if value not in _WORDS_OF_OTHERS.get(name, ())}
    if given["global_windows"]:
        if chosen.get("size", "all") != "all":
            raise OptionError("size", f"size goes with {name_homes('size', 'global')} windows, not with --global")
        chosen["size"] = "all"
    chosen = apply_convention(row.name, chosen)
    for own in row.parameters:
        own.check(chosen.get(own.name, own.default))
    return chosen, check_windows(row, chosen)
