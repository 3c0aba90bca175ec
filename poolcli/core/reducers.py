"""The table of reducers: everything the program knows of each one.

Commands, ``--help``, ``poolcli list``, the README, the test matrix and the benchmarks are derived from these rows.
To add a reducer: one core in ``kernels/``, one row here, one line of oracle in ``tests/reference.py``. A trait that a
row does not give means the safe answer: what needs it refuses the reducer, or serves it more slowly.

Traits that are words name a row of another table (a fold, a derivative, an interval rule), so that the row says all
and nobody else asks for names. Nothing here imports NumPy: ``poolcli --help`` reads this table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite
from typing import Any, Literal

from ..errors import OptionError
from ..kernels import arithmetic, order_statistics, selection, weighted_cores
from .windowings import WINDOW_KEYWORDS, WindowOptions, check_flag, window_options

ResultRule = Literal["input", "float", "mean", "rank", "sum", "unsigned", "count"]
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
    weighted_core: Callable[..., Any] | None = None
    """The same where each sample has a weight of its own; None where weights mean nothing, and are refused."""
    picks: bool = False
    """The result is one of the samples, so that an index can be told."""
    parameters: tuple[Parameter, ...] = ()
    presets: tuple[float, ...] = ()
    """Parameters that the core wants and the user does not choose; they come first."""
    result_range: ResultRange = "any"
    """Where results lie. A result of ``samples`` is never clipped by the samples' own type."""
    nan_wins: bool = True
    """Under ``nan="propagate"`` a NaN anywhere in the window is the result."""
    empty_value: float | None = None
    """The value of a window without samples; None is what stands for a missing one."""
    cell_method: str = ""
    """What the CF conventions call it in ``cell_methods``; "" where they have no name for it."""
    draws: bool = False
    """Needs a random number for each output (and takes ``seed``)."""
    nonnegative: bool = False
    """Has no meaning for negative samples."""
    weighted: bool = False
    """Needs the binomial weight of each sample."""
    central: bool = False
    """Needs how far each sample is from the middle of its window."""
    average: bool = False
    """Mixes colours, so that of a picture with transparency each counts as much as it shows, unless asked otherwise."""
    extensive: bool = False
    """Of samples that count twice it gives more, as a sum does, not the same, as a mean."""
    alpha: Literal["", "weighs", "hides"] = ""
    """What premultiplied alpha does: weighs colours, or hides those of alpha 0; "" has no meaning and is refused."""
    light: Literal["", "mixes", "keeps"] = ""
    """What light in place of sRGB codes means: another result, which is light again; the same result, for the order of
    samples is the same; "" is nothing that is light, and is refused."""
    aliases: tuple[str, ...] = ()
    """What others call it, in lower case without signs, "pool" or a number of dimensions: for suggestions only."""
    monotone: bool = False
    """Never falls when a sample grows: the bounds of its results are its results of the samples' bounds."""
    interval_rule: str = ""
    """Of one that is not monotone, how its extremes over intervals are found: a row of ``INTERVAL_RULES`` of
    ``analysis/bounds``. "" is not known, and bounds are refused."""
    error_model: str = ""
    """How far a float that is computed may be from the formula's value: a row of ``ERROR_MODELS`` of
    ``analysis/bounds``. "" is not known, and bounds are refused; one that picks needs none."""
    exact_bits: int = 0
    """Of integers of up to so many bits the value is exact before it is rounded once to the result's dtype."""
    any_order: bool = False
    """The order of the samples in a window does not matter."""
    composes: bool = False
    """A pooling of poolings is the pooling of all samples below, but for rounding."""
    linear: Literal["", "sum", "mean"] = ""
    """Of fractions the result is their sum, or that over how many there are: a chain keeps it exactly between stages.
    "" is rounded to float64 there; one that picks needs none."""
    suits_labels: bool = False
    """Gives one of the samples whatever they stand for: classes of a map, entries of a palette."""
    reads_labels: bool = False
    """Takes samples for classes, whatever these stand for, and gives numbers that are none."""
    derivative: str = ""
    """A row of ``GRADIENTS`` or ``DERIVATIVES`` of ``analysis/grad``. "" has no gradient; one that picks needs none."""
    explanation: str = ""
    """A row of ``EXPLAINERS`` of ``analysis/explain``. "" is explained by its formula and its core."""
    fold: str = ""
    """A row of ``FOLDS`` of ``drivers``: parts of a window that merge in any grouping. "" does not fold."""
    lanes: str = ""
    """A row of ``LANE_CORES`` of ``drivers``: many windows side by side. "" has no such core."""
    sorts: Literal["", "rank", "runs", "distinct", "entropy"] = ""
    """What is asked of the samples in order: the one at a rank, the longest run of equal ones, how many runs there
    are, or the entropy of how long they are."""
    slices: Literal["", "first", "last", "centre"] = ""
    """Where no sample is missing its results are a slice of the array: which sample of each window."""
    standard_error: str = ""
    """The formula of its error where samples have independent ones, s; "" has none."""
    memory_bound: bool = False
    """Small windows of bytes take about as long as reading them: a channel more costs less than a copy without it."""
    variants: Mapping[str, Reducer] = field(default_factory=dict)
    """A flag that makes it another reducer."""

    @cached_property
    def takes_parts(self) -> bool:
        """A sample at the end of an area counts by the part of it that lies there, not wholly."""
        return self.weighted_core is not None and not self.weighted

    @cached_property
    def keeps_scale(self) -> bool:
        """Results lie on the samples' scale, so that errors against the samples mean something."""
        return self.result_range == "samples"

    @cached_property
    def repeats_exactly(self) -> bool:
        """A pooling of poolings is the pooling of all samples below, to the last bit."""
        return self.picks and self.composes

    @cached_property
    def takes_labels(self) -> bool:
        """Of a palette picture it is the numbers of the colours that are pooled."""
        return self.suits_labels or self.reads_labels

    @cached_property
    def agrees(self) -> bool:
        """Makes of samples that are all equal what they are, in any order."""
        return self.keeps_scale and self.any_order

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes have the same table: a row goes there by its name."""
        variant = next((name for name, one in REDUCERS[self.name].variants.items() if one is self), None)
        return _select_row, (self.name, variant)


def _select_row(name: str, variant: str | None) -> Reducer:
    """A row of the table, or its variant."""
    return REDUCERS[name] if variant is None else REDUCERS[name].variants[variant]


P = Parameter("p", "float", 2.0, "exponent of the norm; inf is the largest magnitude", "> 0", lambda p: p > 0)
_GEM_P = Parameter("p", "float", 3.0, "exponent of the mean", "> 0 and finite", lambda p: p > 0 and isfinite(p))
_EPS = Parameter("eps", "float", 1e-6, "samples below it count as it", "> 0 and finite",
                 lambda e: e > 0 and isfinite(e), leaves_range=True)
R = Parameter("r", "float", 1.0, "sharpness: large is max, small is mean, negative is min", "finite and not 0",
              lambda r: r != 0 and isfinite(r))
_WEIGHT = Parameter("weight", "float", 0.5, "share of the maximum", "from 0 to 1", lambda w: 0 <= w <= 1)
Q = Parameter("q", "float", 0.5, "rank: 0 is the minimum, 1 the maximum", "from 0 to 1", lambda q: 0 <= q <= 1)
_COUNT_INCLUDE_PAD = Parameter("count_include_pad", "flag", False, "divide by the padded window's size")
_DIVISOR = Parameter("divisor", "int", None, "divide by this instead of the count", "a whole number >= 1",
                     lambda d: 1 <= d < inf, leaves_range=True)
_ALPHA = Parameter("alpha", "float", 1.0, "sharpness: large is max, 0 is the mean, negative is min", "finite", isfinite)
_BETA = Parameter("beta", "float", 0.5, "share of the samples' likeness to the mean, beside SoftPool", "from 0 to 1",
                  lambda b: 0 <= b <= 1)
N = Parameter("n", "int", 2, "how many samples; all where a window has fewer", "a whole number >= 1",
              lambda n: 1 <= n < 2**31)
_SHARE = Parameter("share", "float", 0.25, "share of the samples at each end, rounded down to whole samples",
                   "from 0 to below 0.5", lambda s: 0 <= s < 0.5)
_PERIOD = Parameter("period", "float", 360.0, "what a full turn is: 360 for degrees, 24 for hours", "> 0 and finite",
                    lambda p: p > 0 and isfinite(p))
_BASE = Parameter("base", "float", None, "of the logarithm: 2 counts in bits; default e", "> 1 and finite",
                  lambda b: b > 1 and isfinite(b))
_EXPECTED_FLAG = Parameter("expected", "flag", False, "the expected value, sum p_i x_i, instead of a draw")

_EXPECTED_DRAW = Reducer(
    "stochastic", "The expected value of the draw.", "sum x^2 / sum x", "float", arithmetic.expected,
    nonnegative=True, light="mixes", result_range="samples", any_order=True,
    interval_rule="expected", error_model="relative", derivative="expected", explanation="draw", lanes="expected")

_ROWS = (
    Reducer(
        "max", "The largest sample: bright detail survives.", "max x", "input", selection.maximum,
        picks=True, alpha="hides", light="keeps", result_range="samples",
        aliases=("maximum", "amax", "dilate", "dilation"),
        monotone=True, any_order=True, composes=True, explanation="largest", fold="largest", lanes="maximum",
        memory_bound=True, cell_method="maximum"),
    Reducer(
        "min", "The smallest sample: dark detail survives.", "min x", "input", selection.minimum,
        picks=True, alpha="hides", light="keeps", result_range="samples",
        aliases=("minimum", "amin", "erode", "erosion"),
        monotone=True, any_order=True, composes=True, explanation="smallest", fold="smallest", lanes="minimum",
        memory_bound=True, cell_method="minimum"),
    Reducer(
        "avg", "The mean, exact for integers.", "sum x / n", "mean", arithmetic.average,
        parameters=(_COUNT_INCLUDE_PAD, _DIVISOR), average=True, alpha="weighs", light="mixes", result_range="samples",
        aliases=("mean", "average", "area", "box", "blockmean"),
        monotone=True, error_model="sum", exact_bits=64, any_order=True, composes=True, linear="mean",
        derivative="average", explanation="average", fold="average", memory_bound=True, cell_method="mean",
        standard_error="sqrt(sum s^2) / n, with weights sqrt(sum w^2 s^2) / sum w",
        weighted_core=weighted_cores.average),
    Reducer(
        "sum", "The sum; integers saturate instead of wrapping.", "sum x", "sum", arithmetic.total,
        result_range="nonnegative", aliases=("add", "total"),
        monotone=True, error_model="sum", exact_bits=64, any_order=True, composes=True, linear="sum",
        derivative="total", explanation="total", fold="total", cell_method="sum",
        standard_error="sqrt(sum s^2), with weights sqrt(sum w^2 s^2)",
        weighted_core=weighted_cores.total, extensive=True),
    Reducer(
        "lp", "The p-norm of the window.", "(sum |x|^p)^(1/p)", "float", arithmetic.norm,
        parameters=(P,), result_range="nonnegative", aliases=("norm", "pnorm"),
        interval_rule="magnitudes", error_model="power", any_order=True, composes=True, derivative="norm",
        explanation="norm", fold="norm", lanes="norm",
        weighted_core=weighted_cores.norm, extensive=True),
    Reducer(
        "l2", "The Euclidean norm of the window.", "(sum x^2)^(1/2)", "float", arithmetic.norm,
        presets=(2.0,), result_range="nonnegative", aliases=("euclidean", "euclideannorm"),
        interval_rule="magnitudes", error_model="power", any_order=True, composes=True, derivative="norm",
        explanation="norm", fold="norm", lanes="norm",
        weighted_core=weighted_cores.norm, extensive=True),
    Reducer(
        "gem", "The generalised mean of retrieval networks.", "(mean max(x, eps)^p)^(1/p)", "float",
        arithmetic.generalised_mean,
        parameters=(_GEM_P, _EPS), light="mixes", result_range="samples",
        aliases=("generalizedmean", "generalisedmean", "powermean"),
        monotone=True, error_model="power", any_order=True, composes=True, derivative="generalised_mean",
        explanation="generalised_mean", fold="generalised_mean", lanes="generalised_mean",
        weighted_core=weighted_cores.generalised_mean),
    Reducer(
        "rms", "The root of the mean square.", "(mean x^2)^(1/2)", "float", arithmetic.root_mean_square,
        presets=(2.0,), light="mixes", result_range="nonnegative",
        aliases=("rootmeansquare", "quadraticmean", "energy"),
        interval_rule="magnitudes", error_model="power", any_order=True, composes=True, derivative="root_mean_square",
        fold="root_mean_square", lanes="root_mean_square", cell_method="root_mean_square",
        weighted_core=weighted_cores.root_mean_square),
    Reducer(
        "geomean", "The geometric mean: of ratios and growth.", "(prod x)^(1/n)", "float", arithmetic.geometric_mean,
        nonnegative=True, light="mixes", result_range="samples", aliases=("gmean", "geometricmean", "geometric"),
        monotone=True, error_model="relative", any_order=True, composes=True, derivative="geometric_mean",
        fold="geometric_mean"),
    Reducer(
        "harmean", "The harmonic mean: of rates and speeds.", "n / sum(1 / x)", "float", arithmetic.harmonic_mean,
        nonnegative=True, light="mixes", result_range="samples", aliases=("hmean", "harmonicmean", "harmonic"),
        monotone=True, error_model="relative", any_order=True, composes=True, derivative="harmonic_mean",
        fold="harmonic_mean"),
    Reducer(
        "absmax", "The largest magnitude, its sign kept (a tie: the positive).", "x of max |x|", "input",
        selection.farthest,
        picks=True, light="keeps", result_range="samples", aliases=("maxabs", "abs", "magnitude", "absolutemax"),
        monotone=True, any_order=True, composes=True, fold="farthest", lanes="farthest"),
    Reducer(
        "lse", "Log-sum-exp: a smooth maximum (r > 0) or minimum (r < 0).", "log(mean exp(r x)) / r", "float",
        arithmetic.log_mean_exp,
        parameters=(R,), result_range="samples", aliases=("logsumexp",),
        monotone=True, error_model="log_mean_exp", any_order=True, composes=True, derivative="log_mean_exp",
        explanation="log_mean_exp", lanes="log_mean_exp",
        weighted_core=weighted_cores.log_mean_exp),
    Reducer(
        "soft", "Softmax-weighted mean (SoftPool; of any alpha AutoPool).", "sum x e^(alpha x) / sum e^(alpha x)",
        "float", arithmetic.softmax_mean,
        parameters=(_ALPHA,), result_range="samples", aliases=("softmax", "autopool"),
        interval_rule="softmax_mean", error_model="softmax_mean", any_order=True, derivative="softmax_mean",
        explanation="softmax_mean", lanes="softmax_mean",
        weighted_core=weighted_cores.softmax_mean),
    Reducer(
        "ada", "SoftPool and a mean by likeness to the mean (AdaPool).",
        "beta sum x e^s / sum e^s + (1 - beta) soft, s = 2 |x m| / (x^2 + m^2), m = mean x", "float",
        arithmetic.adaptive_mean,
        parameters=(_BETA,), result_range="samples", aliases=("adapool", "adaptivepool"),
        any_order=True, derivative="adaptive_mean"),
    Reducer(
        "mixed", "Maximum and mean, mixed.", "w max x + (1 - w) mean x", "mean", arithmetic.mixed,
        parameters=(_WEIGHT,), light="mixes", result_range="samples", aliases=("mix",),
        monotone=True, error_model="sum", exact_bits=32, any_order=True, derivative="mix", explanation="mix",
        fold="mix", lanes="mix",
        weighted_core=weighted_cores.mixed),
    Reducer(
        "stochastic", "A sample drawn in proportion to its value.", "x_i with p_i = x_i / sum x", "input",
        selection.draw,
        picks=True, draws=True, nonnegative=True, parameters=(_EXPECTED_FLAG,), variants={"expected": _EXPECTED_DRAW},
        light="mixes", result_range="samples", aliases=("sample", "draw"),
        interval_rule="draw", derivative="expected", explanation="draw", lanes="draw"),
    Reducer(
        "median", "The middle value: removes salt and pepper.", "median x", "rank",
        order_statistics.quantile,
        presets=(0.5,), average=True, alpha="hides", light="mixes", result_range="samples", aliases=("med",),
        monotone=True, error_model="rank", exact_bits=64, any_order=True, derivative="quantile",
        explanation="quantile", lanes="quantile", sorts="rank", cell_method="median",
        weighted_core=weighted_cores.quantile),
    Reducer(
        "quantile", "Any rank between minimum and maximum.", "x at rank (n - 1) q, interpolated", "rank",
        order_statistics.quantile,
        parameters=(Q,), average=True, alpha="hides", light="mixes", result_range="samples",
        aliases=("percentile", "rank"),
        monotone=True, error_model="rank", exact_bits=32, any_order=True, derivative="quantile",
        explanation="quantile", lanes="quantile", sorts="rank",
        weighted_core=weighted_cores.quantile),
    Reducer(
        "median-low", "The lower of two middle values: a median that is a sample.", "x at rank (n - 1) / 2, down",
        "input", order_statistics.ranked_sample,
        picks=True, presets=(0.5 + order_statistics.LOWER,), alpha="hides", light="keeps", result_range="samples",
        aliases=("medianlow", "lowermedian", "lowmedian"),
        monotone=True, any_order=True, lanes="ranked_sample", sorts="rank"),
    Reducer(
        "median-high", "The upper of the two middle values.", "x at rank (n - 1) / 2, up", "input",
        order_statistics.ranked_sample,
        picks=True, presets=(0.5 + order_statistics.UPPER,), alpha="hides", light="keeps", result_range="samples",
        aliases=("medianhigh", "uppermedian", "highmedian"),
        monotone=True, any_order=True, lanes="ranked_sample", sorts="rank"),
    Reducer(
        "topk", "The mean of the n largest.", "mean of the n largest x", "mean", order_statistics.topk,
        parameters=(N,), light="mixes", result_range="samples", aliases=("ktop", "meanofmax", "largest"),
        monotone=True, error_model="ranks", exact_bits=64, any_order=True, derivative="topk", lanes="topk"),
    Reducer(
        "trimmed", "The mean without the smallest and the largest.", "mean of x at ranks share n to (1 - share) n",
        "mean", order_statistics.trimmed,
        parameters=(_SHARE,), light="mixes", result_range="samples", aliases=("trim", "trimmean", "trimmedmean"),
        monotone=True, error_model="ranks", exact_bits=64, any_order=True, derivative="trimmed", lanes="trimmed"),
    Reducer(
        "winsor", "The mean with the smallest and the largest clipped.",
        "mean of x, clipped at ranks share n and (1 - share) n", "mean", order_statistics.winsorised,
        parameters=(_SHARE,), light="mixes", result_range="samples", aliases=("winsorize", "winsorized", "winsorised"),
        monotone=True, error_model="ranks", exact_bits=64, any_order=True, derivative="winsorised",
        lanes="winsorised"),
    Reducer(
        "mad", "The median absolute deviation: a spread without outliers.", "median |x - median x|", "float",
        order_statistics.median_deviation,
        result_range="nonnegative", aliases=("medianabsdev", "medianabsolutedeviation"),
        interval_rule="median_deviation", error_model="median_deviation", exact_bits=32, any_order=True,
        derivative="median_deviation"),
    Reducer(
        "circmean", "The mean direction; NaN where directions cancel.",
        "p / 2 pi arg(sum e^(2 pi i x / p)), from 0 to p", "float", arithmetic.circular_mean,
        parameters=(_PERIOD,), result_range="any", aliases=("circularmean", "angle", "meandirection"),
        any_order=True, derivative="circular_mean"),
    Reducer(
        "mode", "The most frequent value (a tie: the smallest): for label maps.", "most frequent x", "input",
        order_statistics.mode,
        picks=True, alpha="hides", light="keeps", result_range="samples",
        aliases=("majority", "mostfrequent", "vote"),
        interval_rule="mode", any_order=True, suits_labels=True, explanation="mode", lanes="mode", sorts="runs",
        cell_method="mode",
        weighted_core=weighted_cores.mode),
    Reducer(
        "count", "How many samples are present; NaN counts unless ignored.", "n", "count", arithmetic.count,
        nan_wins=False, empty_value=0, reads_labels=True, aliases=("valid", "countnonnull", "size", "n"),
        any_order=True, derivative="constant", fold="count"),
    Reducer(
        "distinct", "How many different values; NaN is one unless ignored.", "|{x}|", "count",
        order_statistics.distinct,
        nan_wins=False, empty_value=0, reads_labels=True, aliases=("nunique", "variety", "richness", "unique"),
        any_order=True, lanes="distinct", sorts="distinct"),
    Reducer(
        "entropy", "Shannon's entropy: how mixed classes are.", "-sum p log p, p the share of each value", "float",
        order_statistics.entropy,
        parameters=(_BASE,), result_range="nonnegative", reads_labels=True, aliases=("shannon", "diversity"),
        any_order=True, lanes="entropy", sorts="entropy"),
    Reducer(
        "var", "The population variance.", "mean (x - mean x)^2", "float", arithmetic.variance,
        result_range="nonnegative", aliases=("variance",),
        interval_rule="variance", error_model="variance", any_order=True, derivative="variance",
        explanation="variance", fold="variance", cell_method="variance",
        weighted_core=weighted_cores.variance),
    Reducer(
        "std", "The population standard deviation.", "sqrt(mean (x - mean x)^2)", "float", arithmetic.deviation,
        result_range="nonnegative", aliases=("stddev", "stdev", "sd", "standarddeviation", "deviation"),
        interval_rule="deviation", error_model="deviation", any_order=True, derivative="deviation",
        explanation="deviation", fold="deviation", cell_method="standard_deviation",
        weighted_core=weighted_cores.deviation),
    Reducer(
        "range", "Maximum minus minimum: local contrast.", "max x - min x", "unsigned", arithmetic.spread,
        result_range="nonnegative", aliases=("ptp", "peaktopeak", "contrast"),
        interval_rule="difference", error_model="difference", exact_bits=64, any_order=True, derivative="difference",
        explanation="difference", fold="difference", cell_method="range"),
    Reducer(
        "blur", "Binomial weights: the anti-aliased average.", "sum w x / sum w, w binomial", "mean",
        arithmetic.weighted_mean,
        weighted=True, average=True, alpha="weighs", light="mixes", result_range="samples",
        aliases=("gaussian", "binomial", "antialias"),
        monotone=True, error_model="sum", exact_bits=32, derivative="weighted", explanation="weighted",
        weighted_core=weighted_cores.average),
    Reducer(
        "subsample", "The first sample: what a stride alone keeps.", "x_0", "input", selection.first,
        picks=True, nan_wins=False, light="keeps", result_range="samples",
        aliases=("nearest", "decimate", "downsample", "stride", "skip"),
        monotone=True, suits_labels=True, explanation="first", lanes="first", slices="first", memory_bound=True,
        cell_method="point"),
    Reducer(
        "first", "The first sample that is present: subsample, in short.", "x_0", "input", selection.first,
        picks=True, nan_wins=False, light="keeps", result_range="samples",
        monotone=True, suits_labels=True, lanes="first", slices="first", memory_bound=True, cell_method="point"),
    Reducer(
        "last", "The last sample that is present.", "x_(n - 1)", "input", selection.last,
        picks=True, nan_wins=False, light="keeps", result_range="samples",
        monotone=True, suits_labels=True, lanes="last", slices="last", memory_bound=True, cell_method="point"),
    Reducer(
        "centre", "The sample nearest to the middle (of equals the first).",
        "x nearest to the middle", "input", selection.centre,
        picks=True, nan_wins=False, central=True, light="keeps", result_range="samples",
        aliases=("center", "middle", "central"),
        monotone=True, suits_labels=True, slices="centre", memory_bound=True, cell_method="point"),
)

REDUCERS: Mapping[str, Reducer] = {row.name: row for row in _ROWS}


def check_windows(row: Reducer, given: Mapping[str, Any]) -> WindowOptions:
    """Check the window options among keywords of ``pool``; the seed of a reducer that draws may be the draw's alone."""
    asked = {name: given[name] for name in WINDOW_KEYWORDS if name in given}
    if row.draws and not given.get("expected") and ("fractional" not in asked or "u" in asked):
        asked.pop("seed", None)
    return window_options(asked)


def check_weighted(row: Reducer) -> None:
    """Raise OptionError for a reducer to which weights mean nothing."""
    if row.weighted_core is None:
        known = ", ".join(name for name, one in REDUCERS.items() if one.weighted_core is not None)
        raise OptionError("weights", f"weights mean nothing to {row.name}; those that take them: {known}")


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
    return found or get_close_matches(name, [*REDUCERS, *others], cutoff=0.65)
