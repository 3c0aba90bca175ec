"""Floats as whole numbers in the order of a maximum or a minimum: the better of two is one instruction.

The bits of a float, read as a signed whole number, rise with it from 0 on and fall with it below; with the lower bits
of the negative ones turned over they rise all the way. NaN lies beyond both ends then, and a step of as many as there
are NaN on one side takes those of the other side round, so that all of them are better than any number. Better means
larger here, for minima too. -0.0 is less than 0.0. What merges floats as they are takes four instructions, for NaN's
sake.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .fold_states import Missing, Parameters

_SIGN, _SIGN_LONG = np.int32(31), np.int64(63)
_LOWER, _LOWER_LONG = np.int32(2**31 - 1), np.int64(2**63 - 1)
"""All bits but the sign."""
_NANS, _NANS_LONG = np.int32(2**23 - 1), np.uint64(2**52 - 1)
"""The NaN of one sign. The long step is taken without a sign: what is signed must not go round in compiled code."""


def _lift_max(x: Any, missing: Missing, params: Parameters) -> Any:
    """The key of a float32, given as its bits, where the largest is asked for."""
    return (np.int32((x ^ ((x >> _SIGN) & _LOWER)) - _NANS),)


def _lift_min(x: Any, missing: Missing, params: Parameters) -> Any:
    """The same where the smallest is."""
    return (np.int32(~(x ^ ((x >> _SIGN) & _LOWER)) - _NANS),)


def _lift_max_long(x: Any, missing: Missing, params: Parameters) -> Any:
    """The key of a float64 where the largest is asked for."""
    return (np.int64(np.uint64(x ^ ((x >> _SIGN_LONG) & _LOWER_LONG)) - _NANS_LONG),)


def _lift_min_long(x: Any, missing: Missing, params: Parameters) -> Any:
    """The same where the smallest is."""
    return (np.int64(np.uint64(~(x ^ ((x >> _SIGN_LONG) & _LOWER_LONG))) - _NANS_LONG),)


def _merge(a: Any, b: Any) -> Any:
    """The better."""
    return (a[0] if a[0] > b[0] else b[0],)


def _value_max(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the bits of the float32 whose key won."""
    x = np.int32(state[0] + _NANS)
    return x ^ ((x >> _SIGN) & _LOWER)


def _value_min(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of a minimum's."""
    x = np.int32(~(state[0] + _NANS))
    return x ^ ((x >> _SIGN) & _LOWER)


def _value_max_long(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the bits of the float64 whose key won."""
    x = np.int64(np.uint64(state[0]) + _NANS_LONG)
    return x ^ ((x >> _SIGN_LONG) & _LOWER_LONG)


def _value_min_long(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of a minimum's."""
    x = ~np.int64(np.uint64(state[0]) + _NANS_LONG)
    return x ^ ((x >> _SIGN_LONG) & _LOWER_LONG)


STEPS = {
    ("largest", 4): (_lift_max, _merge, _value_max),
    ("smallest", 4): (_lift_min, _merge, _value_min),
    ("largest", 8): (_lift_max_long, _merge, _value_max_long),
    ("smallest", 8): (_lift_min_long, _merge, _value_min_long),
}
"""A fold's lift, merge and value, by its name and the bytes of a float. No sample has the least whole number."""
