"""One command for each row of REDUCERS: options from the row, a body that is the same for all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from ..core.reducers import Reducer
from . import error_messages, options

if TYPE_CHECKING:
    from ..batch import Settings
    from ..pooling import Pooling

_THREADS = "POOLCLI_THREADS"
"""Caps the threads of a kernel."""
_SHORT_SECTIONS = 2
"""Those of windows and values, or a study's own and those of its stages, come first."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 1 << 25
"""The most that glibc takes for the second."""
_DOCS = "Docs: README.md and docs/ in the source."


class SectionedCommand(click.Command):
    """A command whose help has examples first, and options by section."""

    def __init__(self, name: str, text: str, examples: list[str], sections: list[options.Section],
                 **settings: Any) -> None:
        super().__init__(name, help=text, **settings)
        self.examples, self.sections = examples, sections
        self.params += [one for _, group in sections for one in group]
        self.params.append(_short_help())
        for one in self.params:
            one.envvar = _name_variable(name, one) or one.envvar

    def format_short_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, examples, usage, and the options of windows and values."""
        self.format_head(ctx, formatter)
        for title, group in self.sections[:_SHORT_SECTIONS]:
            with formatter.section(title):
                formatter.write_dl([row for one in group if (row := one.get_help_record(ctx)) is not None])
        formatter.write(f"\n{ctx.command_path} --help prints all options.\n{_DOCS}\n")

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, examples, usage, options."""
        self.format_head(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_head(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, examples, usage."""
        formatter.write(f"{fill(self.help or '', formatter.width)}\n\nExamples:\n")
        formatter.write("".join(f"  {line}\n" for line in self.examples) + "\n")
        self.format_usage(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every section with its title."""
        help_option = self.get_help_option(ctx)
        for title, group in self.sections:
            last = [self.params[-1], help_option] if help_option and group is self.sections[-1][1] else []
            rows = [row for one in (*group, *last) if (row := one.get_help_record(ctx)) is not None]
            with formatter.section(title):
                formatter.write_dl(rows)
        one = next((one for one in self.params if one.name == "size"), self.sections[0][1][0])
        value = "3" if one.name == "size" else str(one.metavar)
        variable = _name_variable(self.name or "", one)
        formatter.write(f"\nEvery option can come from the environment: {variable}={value} is "
                        f"{error_messages.get_full_name(one)} {value}.\n{_DOCS}\n")


def _short_help() -> click.Option:
    """-h."""
    return click.Option(["-h", "short_help"], is_flag=True, is_eager=True, expose_value=False,
                        callback=_print_short_help, allow_from_autoenv=False,
                        help="Print help in short: examples, windows, values.")


def _print_short_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the help of everyday options and end."""
    if value and isinstance(context.command, SectionedCommand):
        formatter = context.make_formatter()
        context.command.format_short_help(context, formatter)
        click.echo(formatter.getvalue().rstrip("\n"))
        context.exit()


def _name_variable(command: str, parameter: click.Parameter) -> str | None:
    """The environment variable that is called as the option is: click's own would be called as our keyword."""
    if not isinstance(parameter, click.Option) or not parameter.allow_from_autoenv:
        return None
    name = max(parameter.opts, key=len).lstrip("-")
    return f"{options.ENVIRONMENT}_{command}_{name}".replace("-", "_").upper()


def command(row: Reducer) -> click.Command:
    """The command of a reducer."""
    return SectionedCommand(
        row.name, f"{row.help}  {row.value}", _list_examples(row), options.sections(row),
        params=[click.Argument(["inputs"], nargs=-1, type=options.path(), metavar="INPUT...")],
        callback=_make_callback(row),
    )


def _list_examples(row: Reducer) -> list[str]:
    """A line for each thing that people do."""
    own = "".join(f" --{p.name} {p.default:g}" for p in row.parameters if p.kind == "float" and p.default is not None)
    return [f"poolcli {row.name}{own} --size 2 --stride 2 image.png",
            f"poolcli {row.name} -k 3 -s 2 --padding 1 --layout CHW fmap.npy -o pooled.npy",
            f"poolcli {row.name} --adaptive 7x7 photos/ -o small/",
            f"poolcli {row.name} --global - -o - < fmap.npy > one.npy"]


def _make_callback(row: Reducer) -> Callable[..., int]:
    """Parse, plan, pool, report."""

    def pool_files(inputs: tuple[str, ...], **given: Any) -> int:
        """Run the command; the exit code."""
        keywords, windows = options.check_keywords(row, given)

        from .. import batch
        from . import validate
        from .inputs import expand_globs, read_inputs

        inputs = expand_globs(inputs)
        settings = validate.make_settings(inputs, row, given)
        planned = batch.plan_jobs(read_inputs(inputs, given), row, settings)

        from .. import pooling
        from .display import run_view

        prepared = replace(pooling.parse_pooling(row.name, windows, **keywords),
                           default_layouts=options.default_layouts())
        if settings.indices is not None:
            prepared.check_indices()
        _check_light(prepared, settings)
        files = len(planned)
        workers = _side_by_side(settings, given["jobs"], files)
        work = batch.NpySequence if settings.stream else batch.BatchRun
        settings = run_view.choose_statistics(given, settings, files)
        running = work(planned, prepared, settings, workers)
        return run_view.show_run(running, planned, given, settings)

    return pool_files


def _check_light(pooling: Pooling, settings: Settings) -> None:
    """Refuse reducers for which colours as light mean nothing."""
    if settings.linear or settings.premultiplied:
        from ..colour import Light

        Light(settings.linear, bool(settings.premultiplied)).check(pooling)


def _side_by_side(settings: Settings, jobs: int | None, files: int) -> int:
    """How many files to work on at once; 0 where a cluster knows that better."""
    from ..batch import LOCAL

    if settings.scheduler in (None, LOCAL):
        return share_cores(jobs, files)
    return jobs or 0


def share_cores(jobs: int | None, files: int) -> int:
    """How many files to work on at once. One level of parallelism: several files get a thread each, one gets all."""
    from ..engine import threads

    if files > 1:
        _keep_freed_memory()
    known = threads.count_threads()
    wanted = known if jobs is None else jobs
    os.environ[_THREADS] = "1" if files > 1 else str(min(wanted, known) if os.environ.get(_THREADS) else wanted)
    return min(wanted, files)


def _keep_freed_memory() -> None:
    """Let malloc keep what is freed for the next file: pages fresh from the kernel took 5 of 37 ms for a photograph.

    Of a process that pools files and ends; other C libraries than glibc have no such call and need none.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        import ctypes

        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
        libc.mallopt(_TRIM_THRESHOLD, 1 << 30)
