"""Options: each reaches the library as its keyword, each is there once, and conflicts name the option."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from cli.calls import Call

from poolcli import pooling
from poolcli.cli import error_messages, main, options
from poolcli.core import choices, dtypes
from poolcli.core import pool_options as library
from poolcli.core.reducers import REDUCERS
from poolcli.core.windowings import WINDOW_KEYWORDS

KEYWORDS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("max", [], {}),
    ("max", ["--size", "3x2"], {"size": (3, 2)}),
    ("max", ["-k", "3", "-s", "2", "-d", "2", "--ceil"], {"size": 3, "stride": 2, "dilation": 2, "ceil_mode": True}),
    ("max", ["--padding", "1:0x2:2"], {"padding": ((1, 0), (2, 2))}),
    ("max", ["--padding", "same-lower"], {"padding": "same-lower"}),
    ("max", ["--global"], {"size": "all"}),
    ("max", ["--global", "--size", "all"], {"size": "all"}),
    ("max", ["--adaptive", "7xall"], {"adaptive": (7, "all")}),
    ("max", ["--area", "7xall"], {"area": (7, "all")}),
    ("avg", ["--scale", "8/3", "--touch", "half"], {"scale": "8/3", "touch": "half"}),
    ("max", ["--fractional", "1.5", "--seed", "3", "--overlapping", "--random"],
     {"fractional": "1.5", "seed": 3, "overlapping": True, "random": True}),
    ("max", ["--fractional", "1.5", "--u", "0.25", "--disjoint", "--pseudorandom"], {"fractional": "1.5", "u": "0.25"}),
    ("max", ["--layout", "CHW", "--squeeze"], {"layout": "CHW", "squeeze": True}),
    ("max", ["--padding", "1", "--pad-mode", "constant", "--pad-value", "-1"],
     {"padding": 1, "pad_mode": "constant", "pad_value": -1}),
    ("max", ["--nan", "ignore", "--nodata", "-9999"], {"nan": "ignore", "nodata": -9999}),
    ("avg", ["--dtype", "uint8", "--round", "half-even"], {"dtype": "uint8", "round": "half-even"}),
    ("avg", ["--count-include-pad", "--divisor", "3"], {"count_include_pad": True, "divisor": 3}),
    ("lp", ["--p", "inf"], {"p": float("inf")}),
    ("gem", ["--p", "3.5", "--eps", "1e-3"], {"p": 3.5, "eps": 1e-3}),
    ("lse", ["--r", "-2"], {"r": -2}),
    ("quantile", ["--q", "0"], {"q": 0}),
    ("mixed", ["--weight", "0.25"], {"weight": 0.25}),
    ("stochastic", ["--seed", "7"], {"seed": 7}),
    ("stochastic", ["--expected"], {"expected": True}),
    ("soft", ["--alpha", "-0.5"], {"alpha": -0.5}),
    ("ada", ["--beta", "1"], {"beta": 1}),
    ("topk", ["--n", "3"], {"n": 3}),
    ("trimmed", ["--share", "0.1"], {"share": 0.1}),
    ("circmean", ["--period", "24"], {"period": 24}),
    ("entropy", ["--base", "10"], {"base": 10}),
    ("max", ["--like", "onnx", "-k", "3"], {"size": 3, "stride": 1}),
]


def parsed(reducer: str, arguments: list[str]) -> dict[str, Any]:
    """The keywords that a command line gives."""
    command = main.program.get_command(click.Context(main.program), reducer)
    assert command is not None
    with command.make_context(reducer, [*arguments, "x.npy"]) as context:
        given = {name: value for name, value in context.params.items() if name != "inputs"}
        return options.keywords(REDUCERS[reducer], given)


@pytest.mark.parametrize(("reducer", "arguments", "keywords"), KEYWORDS)
def test_options_become_keywords(reducer: str, arguments: list[str], keywords: dict[str, Any]) -> None:
    """As the library takes them, and it does take them."""
    assert parsed(reducer, arguments) == keywords
    pooling.parse_pooling(reducer, **keywords)


def test_every_keyword_has_an_option() -> None:
    """None of the library's is missing."""
    own = {p.name for row in REDUCERS.values() for p in row.parameters}
    known = own | {*WINDOW_KEYWORDS, *options.VALUE_KEYWORDS}
    assert known == {*library.Keywords.__annotations__, *library.WindowKeywords.__annotations__}


def test_every_option_is_tried_above() -> None:
    """A new option needs a row in KEYWORDS."""
    tried = {word for _, arguments, _ in KEYWORDS for word in arguments}
    for row in REDUCERS.values():
        for one in (*options.windows(), *options.values(), *options.parameters(row)):
            assert tried.intersection(one.opts), f"give {one.opts} a row in KEYWORDS here"


def test_names_of_dtypes_are_numpys() -> None:
    """Of those that the library takes."""
    assert all(dtypes.check_dtype(np.dtype(name)) == name for name in choices.DTYPES)


def commands() -> list[click.Command]:
    """Every command."""
    context = click.Context(main.program)
    found = [main.program.get_command(context, name) for name in main.program.list_commands(context)]
    return [command for command in found if command is not None]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_an_option_is_there_once(command: click.Command) -> None:
    """No two options of a command share a name, and none is called -p: it would be a trap beside --p and --padding."""
    names = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
    assert sorted(names) == sorted(set(names))
    assert "-p" not in names


@pytest.mark.parametrize("command", [main.program, *commands()], ids=lambda command: command.name)
def test_no_option_takes_a_variable_of_the_librarys(command: click.Command) -> None:
    """POOLCLI_THREADS and POOLCLI_CACHE_DIR mean something else already, and a version is asked for, not set."""
    prefix = "POOLCLI" if command is main.program else f"POOLCLI_{(command.name or '').upper()}"
    taken = {f"{prefix}_{(one.name or '').upper()}" for one in command.params
             if isinstance(one, click.Option) and one.allow_from_autoenv}
    assert not taken & {"POOLCLI_THREADS", "POOLCLI_CACHE_DIR", "POOLCLI_VERSION"}


def test_options_come_from_the_environment(here: Call, numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POOLCLI_AVG_SIZE is --size, and the command line wins."""
    monkeypatch.setenv("POOLCLI_AVG_SIZE", "4")
    monkeypatch.setenv("POOLCLI_AVG_QUIET", "1")
    monkeypatch.setenv("POOLCLI_VERSION", "1")
    assert here("avg", numbers, "-o", numbers.with_name("a.npy")).out == ""
    assert np.load(numbers.with_name("a.npy")).tolist() == [[7.5]]
    assert here("avg", "-k", "2", numbers, "-o", numbers.with_name("b.npy")).code == 0
    assert np.load(numbers.with_name("b.npy")).shape == (2, 2)


OWN = {name: [p.name for p in row.parameters] for name, row in REDUCERS.items() if row.parameters}


def worded(one: click.Option) -> str:
    """A value that an option takes."""
    if isinstance(one.type, click.Choice):
        return str(one.type.choices[-1])
    words = {"layout": "HW", "format": "png", "output": "out/", "indices": "i/", "u": "0.5"}
    return "1" if one.is_flag else words.get(error_messages.get_full_name(one)[2:], "3")


@pytest.mark.parametrize(("command", "name"), [
    (command, error_messages.get_full_name(one)) for command in commands() if command.name in ("max", *OWN)
    for one in command.params if isinstance(one, click.Option) and one.allow_from_autoenv
    and (command.name == "max" or one.name in OWN[command.name or ""])
])
def test_every_option_comes_from_the_environment(command: click.Command, name: str,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """POOLCLI_MAX_DRY_RUN is --dry-run: a variable that is called as the option is gives what typing it gives."""
    (one,) = (one for one in command.params if name in one.opts)
    assert isinstance(one, click.Option)
    value = worded(one)
    typed = values(command, [name] if one.is_flag else [name, value])
    assert typed != values(command, [])
    monkeypatch.setenv(f"POOLCLI_{command.name}_{name[2:]}".upper().replace("-", "_"), value)
    assert values(command, []) == typed


def values(command: click.Command, words: list[str]) -> dict[str, Any]:
    """What a command line means."""
    root = main.program.make_context("poolcli", [command.name or "", "x.png"], resilient_parsing=False)
    parsed = command.make_context(command.name, [*words, "x.png"], parent=root)
    return {**parsed.params, "debug": (root.obj or {}).get("debug")}


def test_a_variable_is_refused_like_an_option(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option is named."""
    monkeypatch.setenv("POOLCLI_MAX_STRIDE", "0.5")
    assert here("max", "x.png").err == "poolcli: --stride: '0.5' is no whole number; 2 or 2x1 would work\n"


@pytest.mark.parametrize(("known", "jobs", "threads"),
                         [("", "3", "3"), ("2", "3", "2"), ("8", "3", "3"), ("x", "1", "1")])
def test_jobs_never_raises_the_cap_on_threads(here: Call, numbers: Path, monkeypatch: pytest.MonkeyPatch, known: str,
                                              jobs: str, threads: str) -> None:
    """POOLCLI_THREADS caps the threads of a kernel, --jobs asks for fewer."""
    monkeypatch.setenv("POOLCLI_THREADS", known)
    here("max", numbers, "-q", "--jobs", jobs)
    assert os.environ["POOLCLI_THREADS"] == threads


@pytest.mark.parametrize("reducer", REDUCERS)
def test_help_has_examples_first_and_every_option(here: Call, reducer: str) -> None:
    """A reducer's own parameters are there; -h begins alike, and is shorter."""
    shown, short = here(reducer, "--help"), here(reducer, "-h")
    assert short.out.startswith(shown.out.partition("Usage:")[0]) and len(short.out) < len(shown.out)
    assert f"poolcli {reducer} --help prints all options." in short.out
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(REDUCERS[reducer].help)
    assert shown.out.index("Examples:") < shown.out.index("Usage:") < shown.out.index("--size K")
    for one in REDUCERS[reducer].parameters:
        assert f"--{one.name.replace('_', '-')}" in shown.out


@pytest.mark.parametrize("reducer", REDUCERS)
def test_the_examples_parse(reducer: str) -> None:
    """Word for word, up to the pipe."""
    command = main.program.get_command(click.Context(main.program), reducer)
    for line in command.examples:  # type: ignore[union-attr]
        words = line.split(" < ")[0].split()
        assert words[:2] == ["poolcli", reducer]
        command.make_context(reducer, words[2:])  # type: ignore[union-attr]
