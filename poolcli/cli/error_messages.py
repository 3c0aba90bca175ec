"""From exceptions to one line on stderr and an exit code."""

from __future__ import annotations

import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType

import click

from ..core import choices
from ..core.reducers import REDUCERS
from ..core.windowings import WINDOW_KEYWORDS
from ..errors import OptionError, lacks_memory, lost_memory_listeners
from ..redact import printable
from . import options
from .study_table import STUDIES, find_takers

USAGE, INTERRUPTED, READER_GONE = 2, 130, 141

_FLAGS = {"ceil_mode": "--ceil", "return_indices": "--indices"}
"""What is typed where that is not the keyword."""
_KEYWORDS = {*WINDOW_KEYWORDS, *options.VALUE_KEYWORDS, *_FLAGS,
             *(own.name for row in REDUCERS.values() for own in row.parameters)}


OPTIONS = {"shape": "--output-shape", "out": "--output", "outfile": "--output", "force": "--overwrite",
           "workers": "--jobs", "threads": "--jobs", "num_workers": "--jobs", "no_color": "--color=never",
           "output_shape": "--adaptive", "dry": "--dry-run", "recurse": "--recursive", "format": "--format"}
"""What others call options that are no keywords."""


class StopRequest(BaseException):
    """A signal asks to end; what is underway cleans up and nothing catches it but the outermost handler."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_received: list[int] = []
_threads_lack: list[bool] = []
"""Not empty once a thread lacked memory and told nobody."""


def stop(number: int, _: FrameType | None) -> None:
    """End the work; the same signal again ends the process at once."""
    if _threads_lack and number == signal.SIGTERM:
        raise MemoryError
    signal.signal(number, signal.SIG_DFL)
    _received.append(number)
    raise StopRequest(number)


def check_stop() -> None:
    """Raise Stopped again where it was lost: what is raised while Python frees an object goes no further."""
    if _received:
        raise StopRequest(_received[0])


def drop_frames(stopped: StopRequest) -> None:
    """Free what a run that was cut short still held, so that files end now; what complains of that, as coroutines that
    were never awaited and half an event loop do, is told nobody.
    """
    old, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stopped.__traceback__ = stopped.__context__ = None
    finally:
        sys.unraisablehook = old


def _wake_main_thread() -> None:
    """Have the main thread raise MemoryError, wherever it waits."""
    _threads_lack.append(True)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@contextmanager
def _catch_lost_errors() -> Iterator[None]:
    """Take note of errors that Python would print, for nobody can catch them.

    A Stopped that is lost is found by ``check_stop``. A thread that lacks memory may not have begun, and who started it
    waits for that for ever, or it ends with others waiting for its work: the main thread raises MemoryError for it.
    """
    old, old_of_threads = sys.unraisablehook, threading.excepthook

    def report(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if isinstance(error, StopRequest):
            return
        is_thread = threading.get_ident() != threading.main_thread().ident
        if is_thread and error is not None and lacks_memory(error.__context__ or error):
            _wake_main_thread()  # the context: threading's own tidying up fails where its thread has not begun
        else:
            old(unraisable)

    def report_thread(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None and lacks_memory(ended.exc_value):
            _wake_main_thread()
        else:
            old_of_threads(ended)

    sys.unraisablehook, threading.excepthook = report, report_thread
    lost_memory_listeners.append(_wake_main_thread)
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = old, old_of_threads
        lost_memory_listeners.remove(_wake_main_thread)
        if "logging" in sys.modules:  # which help and completion do without
            from ..chunked.executors import release_lost_errors

            release_lost_errors()
        _threads_lack.clear()


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Turn signals into Stopped, except those that a parent wants ignored (nohup, a background job)."""
    wanted = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    old = {number: signal.getsignal(number) for number in wanted}
    for number, handler in old.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, stop)
    _received.clear()
    try:
        with _catch_lost_errors():
            yield
        check_stop()
    finally:
        _received.clear()
        for number, handler in old.items():
            if handler not in (signal.SIG_IGN, None):
                signal.signal(number, handler)


def describe_option_error(error: OptionError) -> str:
    """An option that the library refuses, by the name that was typed: ``ceil_mode goes with ...`` is about --ceil."""
    name = _to_flag(error.option)
    text = str(error).removeprefix(f"{error.option} ")
    return f"{name}: {re.sub(r'[a-z]+(_[a-z]+)+', _translate_keyword, text)}"


def _translate_keyword(found: re.Match[str]) -> str:
    """The option of a keyword; a part of a file's name as it is."""
    return _to_flag(found[0]) if found[0] in _KEYWORDS else found[0]


def _to_flag(keyword: str) -> str:
    """The option that gives a keyword."""
    return keyword if keyword.isupper() else _FLAGS.get(keyword, "--" + keyword.replace("_", "-"))


def describe_usage_error(error: click.UsageError) -> str:
    """What click refuses, in the form of all our messages."""
    command = error.ctx.command_path if error.ctx is not None else "poolcli"
    if isinstance(error, click.NoSuchOption):
        return f"{printable(error.option_name)}: {_describe_unknown_option(error, command)}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{get_full_name(error.param)}: is missing; {command} image.png would work"
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name}: {_describe_bad_usage(error.message)}; --help tells more"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{get_full_name(error.param)}: {format_sentence(error.message)}"
    return format_sentence(error.message)


def format_sentence(message: str) -> str:
    """click's sentence as a part of ours, on one line."""
    return printable(" ".join(message.split()).rstrip("."))


def get_full_name(parameter: click.Parameter) -> str:
    """The full name of an option; INPUT for the argument."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")


def _describe_bad_usage(message: str) -> str:
    """What click says of an option's value: that there is none where one is needed, or the other way round."""
    if "requires" in message:
        return "needs a value"
    return "takes no value" if "not take" in message else format_sentence(message)


_OF_SAMPLES = ("mask", "weights", "min_valid", "valid_out")
"""Options of files beside the input, which most studies and stages do not know."""


def _describe_unknown_option(error: click.NoSuchOption, command: str) -> str:
    """Why an option is none of this command's, and which one may be meant."""
    if error.option_name == "-p":
        return "is no option; --p is an exponent, --padding the padding"
    keyword = error.option_name.lstrip("-").replace("-", "_")
    owners = [row.name for row in REDUCERS.values() if keyword in {p.name for p in row.parameters}]
    if owners:
        return f"is a parameter of {', '.join(owners)}, not of {command.split()[-1]}"
    if keyword in _OF_SAMPLES:
        return _describe_samples_option(keyword, command.split()[-1])
    near = _find_foreign_option(error, keyword) or (error.possibilities or [f"{command} --help"])[0]
    name = "; a name that begins with - goes behind --" if not error.option_name.startswith("--") else ""
    return f"is no option of {command}; {near} would work{name}"


def _describe_samples_option(keyword: str, study: str) -> str:
    """Where an option of masks and weights goes, and why not here."""
    takers = find_takers(keyword)
    others = f", with {' and '.join((', '.join(takers[:-1]), takers[-1]))}, outside of quotes" if takers else ""
    why = f"; {study} {STUDIES[study].all_samples}" if study in STUDIES and STUDIES[study].all_samples else ""
    return (f"goes with the commands of reducers{others}{why}; samples that are nodata, or NaN with --nan ignore, "
            "are left out everywhere")


def _find_foreign_option(error: click.NoSuchOption, keyword: str) -> str | None:
    """Return the option of this command that another library calls by this name, or None."""
    known = {flag for one in (error.ctx.command.params if error.ctx else ()) for flag in one.opts}
    if keyword == "mode":
        return _suggest_mode(known)
    names = (OPTIONS.get(keyword), _to_flag(choices.KEYWORDS[keyword]) if keyword in choices.KEYWORDS else None)
    return next((name for name in names if name is not None and name.partition("=")[0] in known), None)


def _suggest_mode(known: set[str]) -> str | None:
    """Return what --mode is here: same and valid are paddings, reflect is a pad mode."""
    value = next((after for word, after in pairwise(sys.argv) if word == "--mode"), "")
    value = next((word[7:] for word in sys.argv if word.startswith("--mode=")), value)
    if "--padding" not in known:
        return None
    return f"--pad-mode {value}" if value in choices.PAD_MODES else f"--padding {value or 'same'}"
