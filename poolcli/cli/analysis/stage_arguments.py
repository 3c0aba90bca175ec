"""Quoted reducer calls: ``"max --size 3 --stride 2"``, by the options of the reducer's own command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import click

from ...analysis.stages import Stage, as_stage
from ...core.reducers import REDUCERS, Reducer, suggest_reducers
from ...errors import OptionError
from ...redact import printable
from .. import error_messages, options


def split_arguments(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which arguments are stages, and which are files or shapes: a stage's first word is a reducer's name.

    A file with such a name is written ./max.
    """
    arguments = list(arguments)
    stages = [text for text in arguments if text.split(maxsplit=1)[:1] and text.split(maxsplit=1)[0] in REDUCERS]
    names = [text for text in arguments if text not in stages]
    _check_misspelt(names)
    return stages, names


def _check_misspelt(names: Iterable[str]) -> None:
    """Refuse what is meant as a stage and begins with no reducer: "maxx -k 2", or maxx where no such file is."""
    for text in names:
        words = text.split()
        if not words or os.path.lexists(text) or not words[0].replace("_", "").isalnum():
            continue
        near = suggest_reducers(words[0])
        if words[1].startswith("-") if len(words) > 1 else near:
            would = f"{' or '.join(near)} would work" if near else "poolcli list prints all"
            raise OptionError("STAGE", f"{_quote(text)} begins with no reducer's name; {would}")


def parse_stage(text: str, shared: Mapping[str, Any]) -> Stage:
    """One quoted call, with the options of the command for what it does not say itself."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise click.UsageError(f"stage {_quote(text)}: {error}".lower()) from None
    row = REDUCERS[words[0]]
    try:
        own = _parse_keywords(row, words[1:])
        made = as_stage((row.name, own), shared)
        _ = made.pooling
    except click.UsageError as error:
        raise click.UsageError(f"stage {_quote(text)}: {error_messages.describe_usage_error(error)}") from None
    except OptionError as error:
        raise click.UsageError(f"stage {_quote(text)}: {error_messages.describe_option_error(error)}") from None
    return replace(made, text=text)


def _parse_keywords(row: Reducer, words: list[str]) -> dict[str, Any]:
    """What a reducer's command makes of its window and value options."""
    parser = click.Command(row.name, params=[*options.windows(), *options.parameters(row), *options.values()],
                           add_help_option=False)
    with parser.make_context(f"poolcli {row.name}", words) as context:
        return options.keywords(row, context.params)


def _quote(text: str) -> str:
    """What was typed, in quotes, printable and short."""
    safe = printable(text)
    return f'"{safe}"' if len(safe) <= 60 else f'"{safe[:57]}..."'
