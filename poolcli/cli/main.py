"""The program: its commands, made when they are called, and the one place where it ends.

``poolcli --help`` imports click and the tables; whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from typing import Any

import click

from .. import __version__
from ..core.reducers import REDUCERS, suggest_reducers
from ..errors import NO_MEMORY, OptionError, PoolError, describe_unexpected, lacks_memory
from ..redact import printable
from . import error_messages, options, stdio
from .error_messages import INTERRUPTED, READER_GONE, USAGE
from .study_table import MODULES, OTHERS, STUDIES

_NAME = "poolcli"
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python looks for garbage after 700, a hundred times while modules are imported, which make none: 7 ms of 119."""

_EXAMPLES = """\
Examples:
  poolcli max --size 2 --stride 2 image.png        writes image_max.png, prints the table
  poolcli avg -k 3 -s 2 --padding 1 fmap.npy -o pooled.npy
  poolcli median -k 3 photos/ -o small/
  poolcli max -k 2 - -o - < fmap.npy | poolcli avg --adaptive 7 - -o seven.npy
"""


class _ReaderGone(Exception):
    """Whoever read our data has left. click would make exit code 1 of the BrokenPipeError."""


class CommandTable(click.Group):
    """A group whose commands come from tables; only the one that is called is built."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the tables' order."""
        return [*REDUCERS, *MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Build a command, or give None."""
        if cmd_name in REDUCERS:
            from .reducer_command import command

            return command(REDUCERS[cmd_name])
        if cmd_name in MODULES:
            return MODULES[cmd_name].build()
        return None

    def resolve_command(self, ctx: click.Context,
                        args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that is none gets a suggestion."""
        if args[0] == "help":  # help, help max
            args = [*args[1:], "--help"]
        name = args[0]
        if name == "--help":
            click.echo(ctx.get_help())
            ctx.exit()
        if name not in REDUCERS and name not in MODULES and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(_describe_unknown(name), ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse; this is where --help and --version print."""
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete command names from the tables, options as click does."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=text) for name, text in _list_help().items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples first."""
        formatter.write(f"{self.help}\n\n{_EXAMPLES}\n")
        self.format_usage(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Reducers, studies, then the rest, from the tables."""
        texts = _list_help()
        for title, names in (("Reducers", REDUCERS), ("Looking inside", STUDIES), ("Other commands", OTHERS)):
            with formatter.section(title):
                formatter.write_dl([(name, texts[name]) for name in names])
        formatter.write(f"\n{_NAME} max -h prints the everyday options of a command, --help all of them.\n"
                        "Docs: README.md and docs/ in the source.\n")


def _list_help() -> dict[str, str]:
    """Every command's line of help."""
    return {name: row.help for name, row in REDUCERS.items()} | {name: row.help for name, row in MODULES.items()}


def _describe_unknown(name: str) -> str:
    """What to say to a command that is none."""
    near = suggest_reducers(name, MODULES)
    if near:
        return f"{printable(name)}: no such command; {' or '.join(near)} would work"
    return f"{printable(name)}: no such command; a reducer comes first, as in {_NAME} max image.png"


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the version and end."""
    if value:
        click.echo(f"{_NAME} {__version__}")
        context.exit()


program = CommandTable(
    _NAME,
    help="Pool images and feature maps: any reducer with any windowing.",
    params=[click.Option(["--version", "-V"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
                         allow_from_autoenv=False, help="Print the version."), options.debug()],
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": options.ENVIRONMENT},
    subcommand_metavar="REDUCER [OPTIONS] INPUT...",
    no_args_is_help=True,
)


def start() -> None:
    """What the shell starts: run, and leave at once.

    Nobody needs the memory given back object by object: that takes 16 ms after NumPy and Pillow, 30 ms after LLVM. Who
    watches the process (a debugger, a profiler, coverage) sees an ordinary end. Ctrl-C before the work begins, or after
    its end, is that of any program: Python would print a traceback.
    """
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except MemoryError:  # which contextlib.suppress takes, too
        pass
    code = run()
    if sys.gettrace() is not None or sys.getprofile() is not None:
        sys.exit(code)
    sys.unraisablehook = lambda unraisable: None  # zarr's: "cannot join thread before it is started"
    try:
        atexit._run_exitfuncs()
        sys.stderr.flush()
    finally:  # a full disk, a closed stream, no memory: there is nobody to tell
        os._exit(code)


def run() -> int:
    """Run the command line, and give its exit code. What was printed is written out then."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        code = _run_with_signals()
    except (MemoryError, SystemError):  # around the command itself: streams, signals, the line that tells of it
        # SystemError: C code whose allocation failed lost the MemoryError (enum's lookup in 3.11 does)
        stdio.print_error(NO_MEMORY)
        return 1
    return _flush_output(code)


def _run_with_signals() -> int:
    """Run the command line with streams repaired; a signal that asks to stop ends it in order."""
    stdio.repair_streams()
    try:
        with error_messages.signals_as_exceptions():
            return get_exit_code({})
    except error_messages.StopRequest as stopped:
        number = stopped.number
        error_messages.drop_frames(stopped)
    return _end_by_signal(number)


def get_exit_code(state: dict[str, Any]) -> int:
    """Run the command line; every way to end has its code and at most one line a problem."""
    try:
        return int(program.main(prog_name=_NAME, standalone_mode=False, obj=state) or 0)
    except SystemExit as end:  # shell completion ends so
        return int(end.code or 0)
    except Exception as error:
        if state.get("debug"):
            stdio.print_traceback(error)
        return _report_error(error)


def _report_error(error: Exception) -> int:
    """Say what went wrong, and give its code."""
    error_messages.check_stop()  # perhaps the signal did, and nothing else
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.message, err=True)
        return USAGE
    if isinstance(error, _ReaderGone):
        stdio.silence(sys.stdout)
        return READER_GONE
    code, lines = _describe_error(error)
    for line in lines:
        stdio.print_error(line)
    return code


def _describe_error(error: Exception) -> tuple[int, list[str]]:
    """The code of an error and its lines."""
    if isinstance(error, OptionError):
        return USAGE, [error_messages.describe_option_error(error)]
    if isinstance(error, PoolError):  # of planning: nothing has been touched
        return USAGE, str(error).split("\n")
    if isinstance(error, click.UsageError):
        return USAGE, [error_messages.describe_usage_error(error)]
    if isinstance(error, OSError):
        stdio.silence(sys.stdout)
        name = "standard output cannot be written" if error.filename is None else printable(str(error.filename))
        return 1, [f"{name}: {error.strerror or error}"]
    if lacks_memory(error):
        return 1, [NO_MEMORY]
    return 1, [describe_unexpected(error, error_messages.format_sentence(str(error)))]


def _end_by_signal(number: int) -> int:
    """130 after Ctrl-C; of other signals the process dies, as its parent expects."""
    if number != signal.SIGINT:
        _flush_output(0)
        os.kill(os.getpid(), number)
    stdio.print_error("interrupted")
    return INTERRUPTED


def _flush_output(code: int) -> int:
    """Write out what is buffered; where that fails the run has failed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        stdio.silence(sys.stdout)
    except (OSError, ValueError):
        stdio.silence(sys.stdout)
        return code or 1
    return code
