"""Standard streams as they may be: closed, full, a pipe whose reader has gone, or of an encoding that lacks letters."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, TextIO

from ..redact import redact_secrets

# /dev/null opened the wrong way round: what is asked of the descriptor fails, as it would were it still closed.
_STANDARD = ((0, "stdin", os.O_WRONLY, "r"), (1, "stdout", os.O_RDONLY, "w"), (2, "stderr", os.O_WRONLY, "w"))


def repair_streams() -> None:
    """Fill closed descriptors, lest the next opened file becomes one of them, and let no name fail to be printed."""
    for number, name, flags, mode in _STANDARD:
        if not _is_open(number):
            os.open(os.devnull, flags)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # till the end
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # AttributeError is caught


def _is_open(descriptor: int) -> bool:
    """Whether a file descriptor leads anywhere."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def silence(stream: TextIO) -> None:
    """Let what is still buffered for a broken stream go nowhere, without an error at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def print_error(text: str) -> None:
    """One line on stderr; there is nowhere to say that this failed."""
    try:
        print(f"poolcli: {text}", file=sys.stderr, flush=True)
    except ValueError:  # closed, or without an encoder, for which ``reconfigure`` got no memory: UnsupportedOperation
        with suppress(OSError):
            os.write(2, f"poolcli: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        silence(sys.stderr)


def print_traceback(error: BaseException) -> None:
    """Where an error came from, without the secrets that URLs in it may hold."""
    import traceback

    try:
        print(redact_secrets("".join(traceback.format_exception(error))), end="", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(sys.stderr)


def is_terminal(stream: IO[str]) -> bool:
    """Whether somebody looks at it."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def terminal_width(stream: IO[str]) -> int:
    """The columns of a terminal: what COLUMNS says, what the terminal itself says, or 80 where neither is known."""
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said):
        return int(said)
    with suppress(OSError, AttributeError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80
    return 80


class SafeWriter:
    """Writes text until that fails; the work goes on without it, and ``close`` tells."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.failure: OSError | None = None

    def write(self, text: str, flush: bool = False) -> None:
        """Write, or remember why not."""
        if self.failure is not None:
            return
        try:
            self.stream.write(text)
            if flush:
                self.stream.flush()
        except OSError as error:
            self.failure = error
            silence(self.stream)

    def close(self) -> bool:
        """Flush; False when something that should have been read was not written. A reader who left wants no more."""
        self.write("", flush=True)
        if self.failure is None or isinstance(self.failure, BrokenPipeError):
            return True
        print_error(f"the report cannot be written: {self.failure.strerror or self.failure}; "
                    "another place, or --quiet, would work")
        return False
