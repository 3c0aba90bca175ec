"""Reducers' cores called one by one on hard windows, against exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from poolcli.kernels import arithmetic, selection
from poolcli.kernels.general import Window

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
"""NumPy's numbers warn where they overflow; compiled ones do not."""

FLOATS: list[list[float]] = [
    [1.5], [0.0], [-2.5], [1.0, 2.0, 4.0], [0.1, 0.2, 0.3, 0.7], [-1.0, 1.0], [5.0, 5.0, 5.0],
    [-3.5, 2.25, 8.0, -0.125],
    [1e16, 1.0, -1e16, 3.0], [2.0**53, 1.0, 1.0], [1e-3, 1e3, 7.0, -40.0, 11.0], [0.0, 0.0, 2.0], [-7.0, -7.0, -9.5],
    [3e5, -2e5, 1e5], [1e-8, 1.0, -1e-8]]
FAR: list[list[float]] = [
    [1e308, 1e308], [1e308, 1e308, -1e308], [-1.7e308, -1.7e308, 1.0], [1.7e308, -1.7e308], [5e-324, 5e-324, 1e-323],
    [1e-200, 3e-200], [1e200, 3e200, -2e200], [1e-170, 5e-170], [1e160, -1e160, 3e160], [3e144, -2e144, 1e143],
    [4e-145, 9e-145], [1e-150, 2e-150], [1e-310, 0.0], [2.0**500, 0.0], [-(2.0**500), 2.0**499, 1.0]]
INFINITE: list[list[float]] = [[inf, 1.0], [1.0, -inf], [inf, inf], [inf, -inf], [-inf, -inf, 3.0], [1.0, inf, 2.0]]
WHOLE: list[list[int]] = [
    [0], [7], [3, 1, 2], [5, 5], [-4, 9, -4, 2], [2**63 - 1] * 3, [-(2**63), 2**63 - 1],
    [2**63 - 1, 2**63 - 2, 2**63 - 4],
    [-(2**63), -(2**63) + 3, -(2**63) + 1], [2**53 + 1, 2**53 + 3], [0, 0, 1]]


def look(values: Sequence[Any], params: Iterable[float] = (), *, nominal: int = 0, weights: Iterable[float] = (),
         draw: float = 0.0, base: int = 2) -> Window:
    """A window of these samples, with others on both sides."""
    dtype = np.uint64 if max(values) > 2**63 - 1 and min(values) >= 0 and isinstance(values[0], int) else None
    x = np.array([*[values[0]] * base, *values, values[-1]], dtype)
    return Window(x, base, len(values), nominal or len(values), np.array([*weights, 0.0]), draw,
                  np.array([*params, 0.0, 0.0]), np.zeros(len(values)))


def oracle(values: Sequence[Any], weights: Sequence[int] = (), nominal: int = 0, word: int = 0) -> reference.Window:
    """The same for the oracle."""
    whole = [int(v) if isinstance(v, int) else float(v) for v in values]
    return reference.Window(whole, list(range(len(whole))), list(weights), nominal or len(whole), word, list(weights))


def agree(found: tuple[float, float], wanted: Any, bits: int, size: float = 0) -> None:
    """Hold a pair to a value, right to so many bits of it, or of a size; what is not finite is the same."""
    if isinstance(wanted, float) and not math.isfinite(wanted):
        assert found[0] == wanted or (isnan(found[0]) and isnan(wanted)), (found, wanted)
        return
    wanted = Fraction(wanted)
    if abs(wanted) >= 2**1024 - 2**970:
        assert found[0] == (inf if wanted > 0 else -inf), (found, wanted)
        return
    assert math.isfinite(found[0]), (found, wanted)
    error = abs(Fraction(found[0]) + Fraction(found[1]) - wanted)
    allowed = max(max(abs(wanted), Fraction(size)) / Fraction(2) ** bits, Fraction(2) ** -1074)
    assert error <= allowed, (found, float(wanted), float(error))


def pull(x: Sequence[Any], rate: float, mean_of: Callable[[list[Fraction], list[Fraction]], Any]) -> Any:
    """The extreme that a rate favours, and what e^(rate (x - extreme)) makes of the distances from it."""
    m = max(x) if rate >= 0 else min(x)
    if isinstance(m, float) and math.isinf(m):
        return m
    distances = [Fraction(v) - Fraction(m) if not (isinstance(v, float) and math.isinf(v)) else None for v in x]
    weights = [Fraction(0) if d is None else Fraction(math.exp(rate * float(d))) for d in distances]
    return Fraction(m) + mean_of([d or Fraction(0) for d in distances], weights)


def softly(distances: list[Fraction], weights: list[Fraction]) -> Fraction:
    """The weighted mean."""
    return sum((d * w for d, w in zip(distances, weights, strict=True)), Fraction(0)) / sum(weights)


@pytest.mark.parametrize("values", [*FLOATS, *FAR, *INFINITE, *WHOLE, [2**64 - 1, 0, 2**64 - 2]], ids=str)
def test_sums_are_exact(values: list[Any]) -> None:
    """Sum, average over any count, range, extremes and counts: as fractions have them, but for 2^-100."""
    w = oracle(values)
    options = reference.Options
    agree(arithmetic.total(look(values)), reference.total(w.values), 100)
    agree(arithmetic.average(look(values)), reference.avg(w, options()), 100)
    agree(arithmetic.average(look(values, [1.0, 0.0], nominal=9)), reference.total(w.values) / 9, 100)
    agree(arithmetic.average(look(values, [0.0, 0.0], nominal=9)), reference.avg(w, options()), 100)
    agree(arithmetic.average(look(values, [1.0, 0.75], nominal=9)), reference.total(w.values) / Fraction(3, 4)
          if all(map(math.isfinite, map(float, values))) else reference.total(w.values), 100)
    agree(arithmetic.spread(look(values)), reference.total([max(w.values), -min(w.values)]), 100)
    agree(arithmetic.largest(look(values)), max(w.values), 1000)
    agree(arithmetic.smallest(look(values)), min(w.values), 1000)
    assert arithmetic.count(look(values)) == (len(values), 0.0)


@pytest.mark.parametrize("values", [*FLOATS, *FAR, *INFINITE, *WHOLE], ids=str)
@pytest.mark.parametrize("weight", [0.0, 1.0, 0.5, 0.1])
def test_maximum_and_mean_are_mixed_exactly(values: list[Any], weight: float) -> None:
    """But for the last bits, where the mean's own sum overflows."""
    w = oracle(values)
    far = max(map(abs, map(float, values))) > 1e300
    wanted = reference.mixed(w, reference.Options(weight=weight))
    agree(arithmetic.mixed(look(values, [weight])), wanted, 50 if far else 98)


@pytest.mark.parametrize("values", [*FLOATS, *FAR, *INFINITE, *WHOLE], ids=str)
def test_variances_have_no_cancellation(values: list[Any]) -> None:
    """Of samples far from 0, so far apart that squares overflow, or so near that they vanish."""
    if all(map(math.isfinite, map(float, values))):
        wanted = reference.var(oracle(values), reference.Options())
        bits = 90 if 2.0**-800 < wanted < 2.0**900 else 50
        agree(arithmetic.variance(look(values)), wanted, bits)
        agree(arithmetic.deviation(look(values)), reference.root(wanted), 50)
    else:
        assert isnan(arithmetic.variance(look(values))[0]) and isnan(arithmetic.deviation(look(values))[0])


def test_deviations_are_scaled_by_powers_of_two() -> None:
    """So those that are doubles are exact, however far or near the samples are."""
    for i in range(40):
        for size in ((1 + i / 40) * 2.0**600, (1 + i / 40) * 2.0**-600):
            assert arithmetic.deviation(look([size, -size])) == (size, 0.0)


@pytest.mark.parametrize("values", [*FLOATS, *FAR, *INFINITE, *WHOLE], ids=str)
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 2.5, 0.5, inf])
def test_norms(values: list[Any], p: float) -> None:
    """Scaled, so that no power overflows."""
    agree(arithmetic.norm(look(values, [p])), reference.lp(oracle(values), reference.Options(p=p)), 46)
    if p == 2.0:
        agree(arithmetic.root_mean_square(look(values, [p])), reference.rms(oracle(values), reference.Options()), 48)
    if p != inf:
        for eps in (1e-6, 0.5):
            agree(arithmetic.generalised_mean(look(values, [p, eps])),
                  reference.gem(oracle(values), reference.Options(p=p, eps=eps)), 46)


def test_powers_and_roots() -> None:
    """Of the usual exponents without a call."""
    for p in (1.0, 2.0, 3.0, 2.5):
        assert arithmetic.power(1.7, p) == pytest.approx(1.7**p, rel=1e-15)
        assert arithmetic.root(1.7, p) == pytest.approx(1.7 ** (1 / p), rel=1e-15)
    assert (arithmetic.magnitude((-3.0, 0.25)), arithmetic.magnitude((3.0, 0.5))) == (2.75, 3.5)


POSITIVE: list[list[float]] = [
    [1.0, 2.0, 4.0], [0.1, 0.2, 0.3], [7.0], [0.0, 3.0], [1e308] * 5, [5e-324, 1e-320], [1e308, 1e-308], [inf, 2.0],
    [1.7e308] * 3, [2.0**-64, 2.0**64], [2.0**-65, 2.0**-66], [0.5, 0.75], [2.0**1023, 2.0**1023], [inf], [0.0, 0.0],
    [1.0, 1.0], [3e200, 5e200, 7e200], [3e-200, 5e-250, 7e-300]]


@pytest.mark.parametrize("values", [*POSITIVE, [3, 1, 2], [0, 5], [2**63 - 1, 1]], ids=str)
def test_means_of_what_is_not_below_0(values: list[Any]) -> None:
    """Geometric by the logarithm of the exact product, harmonic, and what a draw gives in the mean."""
    w, options = oracle(values), reference.Options()
    fractions = [Fraction(v) if v != inf else inf for v in values]
    agree(arithmetic.harmonic_mean(look(values)), reference.harmean(w, options), 50)
    wanted = reference.stochastic(w, reference.Options(expected=True))
    agree(arithmetic.expected(look(values)), 0.0 if isinstance(wanted, reference.Pick) else wanted, 50)
    found = arithmetic.geometric_mean(look(values))
    if inf in values or 0 in values:
        agree(found, nan if inf in values and 0 in values else inf if inf in values else 0, 50)
        return
    product = math.prod(fractions)
    error = Fraction(found[0]) / 2**50 + Fraction(2) ** -1074
    assert (Fraction(found[0]) - error) ** len(values) <= product <= (Fraction(found[0]) + error) ** len(values)


def test_a_zero_and_an_infinity_have_no_geometric_mean() -> None:
    """Nor do they end the loop that takes exponents out."""
    assert isnan(arithmetic.geometric_mean(look([0.0, inf]))[0])
    assert arithmetic._split_exponent(0.0) == (0.0, 0.0) and arithmetic._split_exponent(inf) == (inf, 0.0)


@given(st.floats(5e-324, 1.7e308))
def test_a_number_is_its_significand_and_exponent(x: float) -> None:
    """As frexp has them."""
    significand, exponent = math.frexp(x)
    assert arithmetic._split_exponent(x) == (significand, exponent)


@pytest.mark.parametrize("values", [*FLOATS, *INFINITE, *WHOLE, [700.0, 710.0, -800.0]], ids=str)
@pytest.mark.parametrize("rate", [1.0, -1.0, 0.25, 0.0, 40.0])
def test_exponentials_never_overflow(values: list[Any], rate: float) -> None:
    """Scaled by the extreme that they favour, and exact in what is added to it."""
    if not rate and not all(map(math.isfinite, map(float, values))):
        return
    size = max(map(abs, map(float, values)))
    size = 0 if size == inf else size
    agree(arithmetic.softmax_mean(look(values, [rate])), pull(values, rate, softly), 48, size)
    if rate:
        agree(arithmetic.log_mean_exp(look(values, [rate])), pull(values, rate, lambda d, w: Fraction(
            math.log(sum(w) / len(w)) / rate)), 48, size)


@pytest.mark.parametrize("values", [[2**63 - 1, 2**63 - 2, 2**63 - 4], [-(2**63), -(2**63) + 3, -(2**63) + 1]], ids=str)
@pytest.mark.parametrize("rate", [0.5, -0.5])
def test_distances_of_64_bits_are_exact(values: list[int], rate: float) -> None:
    """The pair keeps what a double of that size has not."""
    agree(arithmetic.softmax_mean(look(values, [rate])), pull(values, rate, softly), 100)
    agree(arithmetic.log_mean_exp(look(values, [rate])),
          pull(values, rate, lambda d, w: Fraction(math.log(sum(w) / len(w)) / rate)), 100)


@pytest.mark.parametrize("values", [*FLOATS, *INFINITE, *WHOLE, [1e200, 2e200, 1e199], [-3.0, 3.0, 3.0]], ids=str)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, 0.3])
def test_a_mean_of_what_is_like_the_mean(values: list[Any], share: float) -> None:
    """Against weights of their own; infinities have none."""
    found = arithmetic.adaptive_mean(look(values, [share]))
    if not all(map(math.isfinite, map(float, values))):
        assert not math.isfinite(found[0])
        return
    mean = Fraction(arithmetic.average(look(values))[0])
    weights = [Fraction(math.exp(2 * abs(v * mean) / (v * v + mean * mean) if v or mean else 1))
               for v in (Fraction(float(one)) for one in values)]
    alike = sum(Fraction(float(v)) * k for v, k in zip(values, weights, strict=True)) / sum(weights)
    top = pull(values, 1.0, softly)
    wanted = Fraction(share) * alike + (1 - Fraction(share)) * top
    size = max(abs(Fraction(float(v))) for v in values)
    assert abs(Fraction(found[0]) - wanted) <= size / 2**46


def test_how_alike_two_numbers_are() -> None:
    """1 of equals and of opposites, by their ratio else, however large they are."""
    found = [arithmetic._likeness(x, y) for x, y in ((0.0, 0.0), (3.0, -3.0), (1.0, 2.0), (-4.0, 2.0), (0.0, 1.0),
                                                     (1e300, 2e300), (3e-300, 1e-300))]
    assert found == pytest.approx([1, 1, 0.8, 0.8, 0, 0.8, 0.6], rel=1e-15)


@pytest.mark.parametrize(("values", "period", "wanted"), [
    ([0.0], 360, 0), ([90.0], 360, 90), ([180.0], 360, 180), ([270.0], 360, 270), ([350.0, 10.0], 360, 0),
    ([80.0, 100.0], 360, 90), ([170.0, 190.0], 360, 180), ([260.0, 280.0], 360, 270), ([44.0, 46.0], 360, 45),
    ([23.0, 1.0, 0.0], 24, 0), ([22.0, 23.0], 24, 22.5), ([-90.0], 360, 270), ([450.0, 810.0], 360, 90),
    ([0.0, 180.0], 360, nan), ([0.0, 120.0, 240.0], 360, nan), ([90.0, 270.0, 45.0, 225.0], 360, nan),
    ([inf, 1.0], 360, nan), ([1.0, -inf], 360, nan), ([-1e-20], 360, 0), ([0.1, 0.2], 1, 0.15),
    ([300.0, 320.0], 360, 310),
    ([2**63 - 1], 360, (2**63 - 1) % 360), ([-(2**63)], 7, -(2**63) % 7), ([134.0, 136.0], 360, 135),
    ([224.0, 226.0], 360, 225), ([314.0, 316.0], 360, 315), ([359.0, 357.0], 360, 358), ([0.0, 90.0], 360, 45)])
def test_directions(values: list[Any], period: float, wanted: float) -> None:
    """From 0 to below the period, exact at quarters; none where vectors cancel."""
    hi, lo = arithmetic.circular_mean(look(values, [float(period)]))
    assert lo == 0.0
    if isnan(wanted):
        assert isnan(hi)
    else:
        assert 0 <= hi < period
        assert min(abs(hi - wanted), period - abs(hi - wanted)) <= period * 1e-14
    if len(values) == 1 and values[0] in (0.0, 90.0, 180.0, 270.0):
        assert hi == wanted


def test_a_remainder_is_exact_however_large_the_number_is() -> None:
    """Of a pair: both parts' own, and no more than one turn of their sum."""
    for number, period in ((2**63 - 1, 360), (2**63 - 1, 7), (-(2**63) + 1, 360), (2**62 + 359, 360)):
        hi = float(number)
        lo = float(number - int(hi))
        assert arithmetic._fraction_of_turn(hi, lo, float(period)) == pytest.approx(number % period / period, rel=1e-14)
    assert arithmetic._fraction_of_turn(200.0, 160.0, 360.0) == 0.0


@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [0.1, 0.2, 0.3], [1e308, 1e308, 1e308], [1e308, -1e308, 1e308],
                                    [inf, 1.0, 2.0], [1.0, 2.0, inf], [2**63 - 1, 2**63 - 3, -5], [1e16, 1.0, -1e16]],
                         ids=str)
@pytest.mark.parametrize("weights", [(1, 2, 1), (1, 0, 0), (3, 3, 1), (2**50, 1, 1), (0, 5, 7)])
def test_weighted_means(values: list[Any], weights: tuple[int, ...]) -> None:
    """Samples without weight do not count, whatever they are; sums that overflow are taken again."""
    wanted = reference.blur(oracle(values, weights), reference.Options())
    found = arithmetic.weighted_mean(look(values, weights=map(float, weights)))
    agree(found, wanted, 90)


# Cores that pick a sample.


@pytest.mark.parametrize("values", [*FLOATS, *FAR, *INFINITE, *WHOLE, [-3.0, 3.0], [3.0, -3.0], [2, -2, 2],
                                    [1, 3, 3, 1],
                                    [-(2**63), 2**63 - 1, -(2**63) + 1], [2**53 + 1, -(2**53) - 1, 2**53],
                                    [-(2**63) + 1, 2**63 - 1], [2**63 - 3, -(2**63) + 2, 2**63 - 2]], ids=str)
def test_picks_are_the_first_of_equals(values: list[Any]) -> None:
    """Of the largest, the smallest, and the largest magnitude, of which x comes before -x."""
    assert selection.maximum(look(values)) == values.index(max(values))
    assert selection.minimum(look(values)) == values.index(min(values))
    assert selection.farthest(look(values)) == values.index(max(values, key=lambda v: (abs(v), v)))
    assert selection.first(look(values)) == 0 and selection.last(look(values)) == len(values) - 1


def test_the_sample_nearest_to_the_middle() -> None:
    """The first of equals."""
    for weights, wanted in (((4, 1, 1, 4), 1), ((9, 4, 1, 0, 1), 3), ((2, 2), 0), ((1, 2, 3), 0), ((3, 1, 2), 1)):
        assert selection.centre(look([1.0] * len(weights), weights=weights)) == wanted


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e-3, 7.0]), min_size=1, max_size=6), st.integers(0, 2**53 - 1))
def test_a_draw_is_the_first_whose_running_sum_exceeds_it(values: list[float], number: int) -> None:
    """In exact arithmetic; the first of a window of zeros."""
    share = Fraction(number, 2**53)
    mass = sum(map(Fraction, values))
    sums = [sum(map(Fraction, values[: i + 1])) for i in range(len(values))]
    wanted = next((i for i, one in enumerate(sums) if one > share * mass), 0)
    beside = any(abs(one - share * mass) < Fraction(1, 2**40) for one in sums)
    assert beside or selection.draw(look(values, draw=float(share))) == wanted


def test_draws_at_their_ends() -> None:
    """An infinity takes all, the first of several; sums that overflow are shrunk; a draw that rounds up to the sum is
    the last that has a share.
    """
    assert selection.draw(look([1.0, inf, inf], draw=0.0)) == 1
    assert [selection.draw(look([1e308, 1e308, 1e308], draw=one)) for one in (0.0, 0.34, 0.67)] == [0, 1, 2]
    assert [selection.draw(look([0.0, 1.0, 0.0, 3.0], draw=one)) for one in (0.0, 0.24, 0.26)] == [1, 1, 3]
    assert selection.draw(look([1.0, 0.5, 0.0], draw=1.0)) == 1
    assert selection.draw(look([0.0, 0.0], draw=0.5)) == 0
    assert [selection.draw(look([1, 3], draw=one)) for one in (0.2499, 0.25)] == [0, 1]
    assert [selection.draw(look([2**63 - 1, 2**63 - 1], draw=one)) for one in (0.49, 0.51)] == [0, 1]
