"""What to say of an array whose axes nobody named: the two command lines to choose from, to be pasted as they are."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence

import click

from ..core.axes import Axes, describe
from ..core.reducers import REDUCERS
from ..errors import LayoutError
from ..redact import printable, redact_secrets
from . import options
from .inputs import LISTS


def explain_layout(error: LayoutError, name: str | None = None) -> str:
    """Return one line: the shape, and for each layout the user's own command with it; of several inputs for ``name``
    alone.
    """
    ways = " or ".join(f"{_repeat_command(letters, name)} ({error.shape[letters.index('C')]} channels of "
                       f"{describe([error.shape[i] for i in Axes(letters).pooled])})" for letters in error.layouts)
    volume = "; --layout DHW takes it as a volume" if len(error.shape) == 3 else ""
    return (f"{describe(error.shape)} may have its channels first or last: {ways} would work{volume}; "
            f"{options.LAYOUT}={error.layouts[0]} is for all commands")


def _repeat_command(letters: str, name: str | None = None) -> str:
    """Return the command line that was typed, with a layout, as a shell takes it."""
    context, typed = click.get_current_context(), sys.argv[1:]
    place = typed.index(str(context.info_name)) + 1 if context.info_name in typed else 0
    rest = typed[place:]
    if name is not None:
        rest = [*_keep_options(context.command, rest), *(["--"] if name.startswith("-") and name != "-" else []), name]
    return printable(redact_secrets(shlex.join(["poolcli", *typed[:place], "--layout", letters, *rest])))


def _keep_options(command: click.Command, words: Sequence[str]) -> Iterator[str]:
    """Yield the stages and options of a command line, and their values, without its inputs and lists of inputs."""
    takes = {flag: one for one in command.params if isinstance(one, click.Option)
             for flag in (*one.opts, *one.secondary_opts)}
    rest = iter(words)
    for word in rest:
        if word == "--":
            return
        if not word.startswith("-") or word == "-":
            if command.name not in REDUCERS and word.partition(" ")[0] in REDUCERS:
                yield word  # a stage
            continue
        option = takes.get(word.partition("=")[0] if word.startswith("--") else _last_flag(word, takes))
        found = [word]
        if option is not None and not option.is_flag and "=" not in word:
            found += [value for value in [next(rest, None)] if value is not None]
        if option is None or option.name not in LISTS:
            yield from found


def _last_flag(word: str, takes: dict[str, click.Option]) -> str:
    """Return the flag of a cluster such as -qk whose value is the next word; "" where the value is in it (-k3)."""
    for place, letter in enumerate(word[1:], 1):
        option = takes.get(f"-{letter}")
        if option is not None and not option.is_flag:
            return f"-{letter}" if place == len(word) - 1 else ""
    return word
