"""The table of reducers: everything the program knows of each one.

Commands, ``--help``, ``poolcli list``, the README, the test matrix and the benchmarks are derived from these rows.
To add a reducer: one core in ``kernels/``, one row here, one line of oracle in ``tests/reference.py``.

Nothing here imports NumPy: ``poolcli --help`` reads this table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, Literal

from ..errors import OptionError
from ..kernels import arithmetic, selection
from ..kernels import order_statistics as ranks
from .windowings import check_flag

ResultRule = Literal["input", "float", "mean", "rank", "sum", "unsigned"]
"""How the result's dtype follows from the input's; ``dtypes.result_dtype`` is the rule itself."""

ResultRange = Literal["samples", "nonnegative", "any"]
"""Between the smallest and the largest sample; not below 0 where no sample is; or anywhere."""


@dataclass(frozen=True)
class Parameter:
    """A number or a switch that belongs to some reducers: ``--name`` on the command line, ``name=`` in Python."""

    name: str
    kind: Literal["float", "int", "flag"]
    default: float | int | bool | None
    help: str
    accepts: str = ""
    """The valid values, in words, for messages."""
    valid: Callable[[Any], bool] = lambda value: True
    leaves_range: bool = False
    """A value other than the default may take results beyond what the reducer's ``result_range`` says."""

    def check(self, value: Any) -> float | int | bool | None:
        """Return ``value`` as what it is, or raise OptionError."""
        if value is None:
            return None
        if self.kind == "flag":
            return check_flag(self.name, value)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if number != number or (self.kind == "int" and not number.is_integer()) or not self.valid(number):
            raise OptionError(self.name, f"{self.name} must be {self.accepts}, not {value!r}")
        return int(number) if self.kind == "int" else number


@dataclass(frozen=True)
class Reducer:
    """One way to turn a window's present samples into one value."""

    name: str
    help: str
    """One line for ``--help`` and the lists."""
    value: str
    """The formula, in plain text; x are the window's present samples, n is how many."""
    result: ResultRule
    core: Callable[..., Any]
    """The loop over one window's samples (``kernels/``): an index for a pick, (hi, lo) for a value."""
    picks: bool = False
    """The result is one of the samples, so that an index can be told."""
    parameters: tuple[Parameter, ...] = ()
    presets: tuple[float, ...] = ()
    """Parameters that the core wants and the user does not choose; they come first."""
    result_range: ResultRange = "any"
    """Where results lie. A result of ``samples`` is never clipped by the samples' own type."""
    nan_wins: bool = True
    """Under ``nan="propagate"`` a NaN anywhere in the window is the result."""
    draws: bool = False
    """Needs a random number for each output (and takes ``seed``)."""
    nonnegative: bool = False
    """Has no meaning for negative samples."""
    weighted: bool = False
    """Needs the binomial weight of each sample."""
    average: bool = False
    """Mixes colours, so that of a picture with transparency each counts as much as it shows, unless asked otherwise."""
    alpha: Literal["", "weighs", "hides"] = ""
    """What premultiplied alpha does: weighs colours, or hides those of alpha 0; "" has no meaning and is refused."""
    light: Literal["", "mixes", "keeps"] = ""
    """What light in place of sRGB codes means: another result, which is light again; the same result, for the order of
    samples is the same; "" is nothing that is light, and is refused."""
    aliases: tuple[str, ...] = ()
    """What others call it, in lower case without signs, "pool" or a number of dimensions: for suggestions only."""
    memory_bound: bool = False
    """Small windows of bytes take about as long as reading them: a channel more costs less than a copy without it."""
    variants: Mapping[str, Reducer] = field(default_factory=dict)
    """A flag that makes it another reducer."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes have the same table: a row goes there by its name."""
        variant = next((name for name, one in REDUCERS[self.name].variants.items() if one is self), None)
        return named, (self.name, variant)


def named(name: str, variant: str | None) -> Reducer:
    """A row of the table, or its variant."""
    return REDUCERS[name] if variant is None else REDUCERS[name].variants[variant]


P = Parameter("p", "float", 2.0, "exponent of the norm; inf is the largest magnitude", "> 0", lambda p: p > 0)
GEM_P = Parameter("p", "float", 3.0, "exponent of the mean", "> 0 and finite", lambda p: p > 0 and isfinite(p))
EPS = Parameter("eps", "float", 1e-6, "samples below it count as it", "> 0 and finite", lambda e: e > 0 and isfinite(e),
                leaves_range=True)
R = Parameter("r", "float", 1.0, "sharpness: large is max, small is mean, negative is min", "finite and not 0",
              lambda r: r != 0 and isfinite(r))
WEIGHT = Parameter("weight", "float", 0.5, "share of the maximum", "from 0 to 1", lambda w: 0 <= w <= 1)
Q = Parameter("q", "float", 0.5, "rank: 0 is the minimum, 1 the maximum", "from 0 to 1", lambda q: 0 <= q <= 1)
COUNT_INCLUDE_PAD = Parameter("count_include_pad", "flag", False, "divide by the padded window's size")
DIVISOR = Parameter("divisor", "int", None, "divide by this instead of the count", "a whole number >= 1",
                    lambda d: 1 <= d < inf, leaves_range=True)
EXPECTED = Parameter("expected", "flag", False, "the expected value, sum p_i x_i, instead of a draw")

_EXPECTED = Reducer("stochastic", "The expected value of the draw.", "sum x^2 / sum x", "float", arithmetic.expected,
                    nonnegative=True, light="mixes", result_range="samples")

_ROWS = (
    Reducer("max", "The largest sample: bright detail survives.", "max x", "input", selection.maximum, picks=True,
            alpha="hides", light="keeps", result_range="samples",
            memory_bound=True, aliases=("maximum", "amax", "dilate", "dilation")),
    Reducer("min", "The smallest sample: dark detail survives.", "min x", "input", selection.minimum, picks=True,
            alpha="hides", light="keeps", result_range="samples",
            memory_bound=True, aliases=("minimum", "amin", "erode", "erosion")),
    Reducer("avg", "The mean, exact for integers.", "sum x / n", "mean", arithmetic.average,
            parameters=(COUNT_INCLUDE_PAD, DIVISOR), average=True, alpha="weighs",
            light="mixes", result_range="samples", memory_bound=True,
            aliases=("mean", "average", "area", "box", "blockmean")),
    Reducer("sum", "The sum; integers saturate instead of wrapping.", "sum x", "sum", arithmetic.total,
            result_range="nonnegative",
            aliases=("add", "total")),
    Reducer("lp", "The p-norm of the window.", "(sum |x|^p)^(1/p)", "float", arithmetic.norm, parameters=(P,),
            result_range="nonnegative",
            aliases=("norm", "pnorm")),
    Reducer("l2", "The Euclidean norm of the window.", "(sum x^2)^(1/2)", "float", arithmetic.norm, presets=(2.0,),
            result_range="nonnegative",
            aliases=("euclidean", "euclideannorm")),
    Reducer("gem", "The generalised mean of retrieval networks.", "(mean max(x, eps)^p)^(1/p)", "float",
            arithmetic.generalised_mean, parameters=(GEM_P, EPS), light="mixes", result_range="samples",
            aliases=("generalizedmean", "generalisedmean", "powermean")),
    Reducer("lse", "Log-sum-exp: a smooth maximum (r > 0) or minimum (r < 0).", "log(mean exp(r x)) / r", "float",
            arithmetic.log_mean_exp, parameters=(R,), result_range="samples",
            aliases=("logsumexp",)),
    Reducer("soft", "Softmax-weighted mean (SoftPool).", "sum x e^x / sum e^x", "float", arithmetic.softmax_mean,
            result_range="samples",
            aliases=("softmax",)),
    Reducer("mixed", "Maximum and mean, mixed.", "w max x + (1 - w) mean x", "mean", arithmetic.mixed,
            parameters=(WEIGHT,), light="mixes", result_range="samples",
            aliases=("mix",)),
    Reducer("stochastic", "A sample drawn in proportion to its value.", "x_i with p_i = x_i / sum x", "input",
            selection.draw, picks=True, draws=True, nonnegative=True, parameters=(EXPECTED,),
            variants={"expected": _EXPECTED}, light="mixes", result_range="samples",
            aliases=("sample", "draw")),
    Reducer("median", "The middle value: removes salt and pepper.", "median x", "rank", ranks.quantile,
            presets=(0.5,), average=True, alpha="hides", light="mixes", result_range="samples",
            aliases=("med",)),
    Reducer("quantile", "Any rank between minimum and maximum.", "x at rank (n - 1) q, interpolated", "rank",
            ranks.quantile, parameters=(Q,), average=True, alpha="hides", light="mixes", result_range="samples",
            aliases=("percentile", "rank")),
    Reducer("mode", "The most frequent value (a tie: the smallest): for label maps.", "most frequent x", "input",
            ranks.mode, picks=True, alpha="hides", light="keeps", result_range="samples",
            aliases=("majority", "mostfrequent", "vote")),
    Reducer("var", "The population variance.", "mean (x - mean x)^2", "float", arithmetic.variance,
            result_range="nonnegative",
            aliases=("variance",)),
    Reducer("std", "The population standard deviation.", "sqrt(mean (x - mean x)^2)", "float", arithmetic.deviation,
            result_range="nonnegative",
            aliases=("stddev", "stdev", "sd", "standarddeviation", "deviation")),
    Reducer("range", "Maximum minus minimum: local contrast.", "max x - min x", "unsigned", arithmetic.spread,
            result_range="nonnegative",
            aliases=("ptp", "peaktopeak", "contrast")),
    Reducer("blur", "Binomial weights: the anti-aliased average.", "sum w x / sum w, w binomial", "mean",
            arithmetic.weighted_mean, weighted=True, average=True, alpha="weighs", light="mixes",
            result_range="samples", aliases=("gaussian", "binomial", "antialias")),
    Reducer("subsample", "The first sample: what a stride alone keeps.", "x_0", "input", selection.first, picks=True,
            nan_wins=False, light="keeps", result_range="samples", memory_bound=True,
            aliases=("nearest", "decimate", "downsample", "first", "stride", "skip")),
)

REDUCERS: Mapping[str, Reducer] = {row.name: row for row in _ROWS}


def suggest_reducers(name: str, others: Iterable[str] = ()) -> list[str]:
    """Return what a name that is no reducer's may mean: by the aliases of the rows, or what looks like it.

    ``others`` are names of other commands that it may be.

    >>> suggest_reducers("mean_pool"), suggest_reducers("AvgPool2d"), suggest_reducers("maxx")
    (['avg'], ['avg'], ['max'])
    """
    from difflib import get_close_matches

    word = re.sub(r"[^a-z0-9]", "", name.lower())
    base = re.sub(r"^(global|adaptive|block|nan)|(pool|pooling|filter|reduce)?([123]d)?$", "", word)
    found = [row.name for row in REDUCERS.values() if {word, base} & {row.name, *row.aliases}]
    return found or get_close_matches(name, [*REDUCERS, *others])
