"""What users write after an option, read into what the library takes: ``3``, ``3x2``, ``1xall``, ``1:0x2:2``, ``same``.

Each function takes the text and raises ``click.BadParameter``, to which click adds the option's name. Only the form is
checked here, so that no text is too long or too odd; which numbers are allowed is the library's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import TypeVar

import click

from ..redact import printable

Value = TypeVar("Value")

_WHOLE = re.compile(r"[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_AMOUNT = re.compile(r"([0-9]{1,20}(?:_[0-9]{1,20}){0,9}(?:\.[0-9]{1,20})?)(?:e\+?([0-9]{1,2})|([kmg]))?",
                     re.IGNORECASE)
_UNITS = {"": 0, "k": 3, "m": 6, "g": 9}
_DIGITS = 20
"""As many as the largest 64-bit number has; int() itself gives up at 4,300."""
_LONGEST = 400
"""Characters of a number: a float64 written out in full has at most some 330 before or behind the point."""
_AXES = 3
_MOST_AXES = 5
_PADDING_NAMES = ("same", "same-lower", "valid")


def quote_input(text: str) -> str:
    """What was given, in quotes, printable and short."""
    safe = printable(text)
    return f"'{safe}'" if len(safe) <= 40 else f"'{safe[:37]}...'"


def parse_whole(text: str) -> int:
    """A whole number of at most 20 digits."""
    if not _WHOLE.fullmatch(text):
        raise click.BadParameter(f"{quote_input(text)} is no whole number; 1, 2, 3 ... would work")
    if len(text.lstrip("0")) > _DIGITS:
        raise click.BadParameter(f"{quote_input(text)} is too large; a number of up to {_DIGITS} digits can be read")
    return int(text.lstrip("0") or "0")


def counts(text: str) -> int | str | tuple[int | str, ...] | dict[str, int | str]:
    """Sizes: a whole number or ``all`` for every axis, or one for each axis, or for each that is named."""
    return _per_axis(text, lambda part: "all" if part == "all" else parse_whole(part), "3, 3x2 or 1xall")


def steps(text: str) -> int | tuple[int, ...] | dict[str, int]:
    """Strides and dilations: a whole number for every axis, or one for each axis."""
    return _per_axis(text, parse_whole, "2 or 2x1")


def lengths(text: str) -> tuple[int, ...]:
    """A shape: up to five whole numbers joined by x."""
    parts = text.split("x")
    if "" in parts or len(parts) > _MOST_AXES:
        raise click.BadParameter(f"{quote_input(text)} is no shape; 8x8 or 1x3x8x8 would work")
    return tuple(parse_whole(part) for part in parts)


def padding(text: str) -> (int | str | tuple[int, int] | tuple[int | tuple[int, int], ...]
                           | dict[str, int | tuple[int, int]]):
    """``1``, ``1x2``, ``before:after`` for each axis, or a name."""
    if text in _PADDING_NAMES:
        return text
    sides = _per_axis(text, _parse_side, "1, 1x2, 1:0x2:2, same, same-lower or valid")
    # For every axis the library wants a number; a pair alone would be one number for each of two axes.
    return (sides,) if isinstance(sides, tuple) and ":" in text and "x" not in text else sides  # type: ignore[return-value]


def _parse_side(text: str) -> int | tuple[int, int]:
    """The padding of one axis."""
    before, colon, after = text.partition(":")
    return (parse_whole(before), parse_whole(after)) if colon else parse_whole(text)


def ratios(text: str) -> str | tuple[str, ...] | dict[str, str]:
    """Ratios as the decimals written: a float would not be what the user meant (33 samples at 1.1 are 30)."""
    return _per_axis(text, decimal, "1.414 or 1.5x2")


def scales(text: str) -> str | tuple[str, ...] | dict[str, str]:
    """Ratios as decimals or as quotients of whole numbers."""
    return _per_axis(text, _parse_quotient, "2.5, 8/3 or 1.5x2")


def _parse_quotient(text: str) -> str:
    """A decimal, or one over a whole number."""
    above, slash, below = text.partition("/")
    if slash and (not below.isdecimal() or not below.strip("0")):
        raise click.BadParameter(f"{quote_input(text)} is no ratio; 2.5 or 8/3 would work")
    return decimal(above) + slash + below


def decimal(text: str) -> str:
    """A number in plain decimals, kept as text; exponents would let nine characters ask for a gigabyte of digits."""
    if not _DECIMAL.fullmatch(text) or len(text) > _LONGEST:
        raise click.BadParameter(f"{quote_input(text)} is no decimal number; 1.5 would work")
    return text


def frames(text: str) -> int | tuple[int, int | None] | None:
    """``first`` (None), ``all`` (from 1 on), a number from 1, or a range such as 2-5."""
    if text == "first":
        return None
    if text == "all":
        return 1, None
    first, dash, last = text.partition("-")
    wanted = parse_whole(first), parse_whole(last if dash else first)
    if not 1 <= wanted[0] <= wanted[1]:
        raise click.BadParameter(f"{quote_input(text)} is no range of frames, which count from 1; "
                                 "first, all, 3 or 2-5 work")
    return wanted if dash else wanted[0]


def number(text: str) -> int | float:
    """Any number; a whole one stays whole, for float64 does not hold every 64-bit integer."""
    if not _NUMBER.fullmatch(text) or len(text) > _LONGEST:
        raise click.BadParameter(f"{quote_input(text)} is no number; 3, 0.5 or 1e-6 would work")
    return int(text) if _WHOLE.fullmatch(text.lstrip("+-")) else float(text)


def positive(text: str) -> int:
    """A whole number, at least 1."""
    number = parse_whole(text)
    if number < 1:
        raise click.BadParameter("0 is too few; 1 or more would work")
    return number


def amount(text: str) -> int:
    """A whole number from 1 in any notation: 50000000, 50_000_000, 5e7, 50M."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{quote_input(text)} is no whole number; 50000000, 50_000_000, 5e7 or 50M would work")
    from decimal import Decimal

    number, exponent, unit = found.groups()
    value = Decimal(number.replace("_", "")).scaleb(int(exponent or _UNITS[(unit or "").lower()]))
    if value != int(value) or not 1 <= value < 10**_DIGITS:
        raise click.BadParameter(f"{quote_input(text)} is no whole number from 1 to below 1e{_DIGITS}; 50M would work")
    return int(value)


def seconds(text: str) -> float:
    """A time, more than none."""
    found = float(number(text))
    if not 0 < found < inf:
        raise click.BadParameter(f"{text} is no time; 10 or 0.5 would work")
    return found


def whole_between(least: int, most: int) -> Callable[[str], int]:
    """A whole number in a range."""
    def parse(text: str) -> int:
        number = parse_whole(text)
        if not least <= number <= most:
            raise click.BadParameter(f"{number} is not from {least} to {most}")
        return number
    return parse


def _by_name(text: str, parse: Callable[[str], Value]) -> dict[str, Value]:
    """Values of axes by their names."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and value for name, _, value in pairs):
        raise click.BadParameter(f"{quote_input(text)} is not a value for each axis by its name; H=2,W=3 would work")
    found = {name.strip(): parse(value.strip()) for name, _, value in pairs}
    if len(found) < len(pairs):
        raise click.BadParameter(f"{quote_input(text)} names an axis twice")
    return found


def _per_axis(text: str, parse: Callable[[str], Value], examples: str) -> Value | tuple[Value, ...] | dict[str, Value]:
    """One value, or up to three joined by x, or one for each axis that is named: ``lat=2,lon=3``."""
    if "=" in text:
        return _by_name(text, parse)
    parts = text.split("x")
    if "" in parts or len(parts) > _AXES:
        raise click.BadParameter(f"{quote_input(text)} is not one value, or one for each of up to {_AXES} axes; "
                                 f"{examples} would work")
    try:
        values = tuple(parse(part) for part in parts)
    except click.BadParameter as error:
        raise click.BadParameter(f"{error.message.partition(';')[0]}; {examples} would work") from None
    return values if len(values) > 1 else values[0]
