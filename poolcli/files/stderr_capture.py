"""What Pillow and its C libraries keep for the whole process: limits, warnings and file descriptor 2.

Decoding runs on threads, and all three are global. So there is one gate: the first one in sets them, those who want
the same share them, the last one out puts everything back as it was.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Gate:
    """Lets in, at one time, only those who want the same settings; ``entered`` counts all who ever came in."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._wanted: object = None
        self._undo = ExitStack()
        self.inside = 0
        self.entered = 0

    @contextmanager
    def hold(self, wanted: object, enter: Callable[[ExitStack], None]) -> Iterator[None]:
        """Wait until nobody is inside who wants something else, and be inside for the length of a block."""
        with self._turn:
            self._turn.wait_for(lambda: not self.inside or self._wanted == wanted)
            if not self.inside:
                with ExitStack() as undo:  # what is half set when enter fails is undone
                    enter(undo)
                    self._undo = undo.pop_all()
            self._wanted = wanted
            self.inside += 1
            self.entered += 1
        try:
            yield
        finally:
            with self._turn:
                self.inside -= 1
                if not self.inside:
                    self._undo.close()
                    self._turn.notify_all()


_pillow = _Gate()


@contextmanager
def pillow_limits(max_pixels: int, allow_truncated: bool) -> Iterator[None]:
    """Decode under this pixel limit, with or without truncated files, and without a warning on anybody's stderr."""

    def enter(undo: ExitStack) -> None:
        from PIL import Image, ImageFile

        # Pillow warns above its number and refuses above twice that.
        _assign(undo, Image, "MAX_IMAGE_PIXELS", -(-max_pixels // 2))
        _assign(undo, ImageFile, "LOAD_TRUNCATED_IMAGES", allow_truncated)
        _one_block(undo, max_pixels)
        undo.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"PIL\.")

    with _pillow.hold((max_pixels, allow_truncated), enter):
        yield


_LARGEST_BLOCK = 2**31 - 1
"""What Pillow's allocator of single blocks can take, in bytes."""


def _one_block(undo: ExitStack, max_pixels: int) -> None:
    """Have Pillow keep each image in one block of memory, which alone it shows through Arrow.

    By default it cuts images above 16 MiB, RGB of 2048 x 2048, and photographs are larger. The switch is private, but
    was there before Arrow and is what Pillow's own message about several blocks leads to; without it, or with images
    too large for one block, pixels are copied as ever.
    """
    from PIL import Image

    core: Any = getattr(Image, "core", None)
    if 4 * max_pixels > _LARGEST_BLOCK:
        return
    with suppress(AttributeError, TypeError, ValueError):
        undo.callback(core.set_use_block_allocator, core.get_use_block_allocator())
        core.set_use_block_allocator(1)


def _assign(undo: ExitStack, module: object, name: str, value: object) -> None:
    undo.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, value)


class _CapturedStderr:
    """What C libraries wrote to file descriptor 2 since this was made; nothing when several threads could have."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._start = sink.end()
        self._serial = sink.gate.entered

    def first_line(self) -> str:
        """Return the first line captured, at most 200 characters, or "" when it cannot be told whose it is."""
        alone = self._sink.gate.inside == 1 and self._sink.gate.entered == self._serial
        text = self._sink.read(self._start).decode("utf-8", "replace") if alone else ""
        return text.strip().split("\n")[0][:200]


class _Sink:
    """Where file descriptor 2 leads in the meantime."""

    def __init__(self) -> None:
        self.gate = _Gate()
        self._fd: int | None = None

    def enter(self, undo: ExitStack) -> None:
        # Without a stderr at the start, fd 2 is whatever file was opened next: the picture itself, perhaps.
        if sys.__stderr__ is None:
            return
        with suppress(AttributeError, OSError, ValueError):  # replaced by something else, or closed
            sys.stderr.flush()
        try:
            saved = os.dup(2)
        except OSError:  # closed since: there is nothing to keep clean
            return
        undo.callback(os.close, saved)
        self._fd = _open_scratch()
        undo.callback(self._forget)
        os.dup2(self._fd, 2)
        undo.callback(os.dup2, saved, 2)

    def _forget(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def end(self) -> int:
        return 0 if self._fd is None else os.lseek(self._fd, 0, os.SEEK_END)

    def read(self, start: int) -> bytes:
        return b"" if self._fd is None else os.pread(self._fd, 800, start)


def _open_scratch() -> int:
    """An unnamed file, in memory where the system has such a thing: 15 us where tempfile takes 5 ms to import."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("poolcli-chatter")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


_sink = _Sink()


@contextmanager
def capture_stderr() -> Iterator[_CapturedStderr]:
    """Keep what C libraries print (libtiff, above all) away from the terminal, and give its first line on demand.

    File descriptor 2 belongs to the whole process: what Python prints to it from another thread in the meantime is
    lost too, unless :func:`keep_stderr` was called.
    """
    with _sink.gate.hold(None, _sink.enter):
        yield _CapturedStderr(_sink)


@contextmanager
def guard_decoding(max_pixels: int, allow_truncated: bool) -> Iterator[_CapturedStderr]:
    """Decode as ``pillow_limits`` says, and keep what C libraries print as ``capture_stderr`` does."""
    with pillow_limits(max_pixels, allow_truncated), capture_stderr() as captured:
        yield captured


def keep_stderr() -> None:
    """Give Python's ``sys.stderr`` a file descriptor of its own, so that capturing never swallows its words.

    For the command line, once, at start. The library does not touch ``sys.stderr``.
    """
    with suppress(AttributeError, OSError, ValueError):
        if sys.stderr.fileno() == 2:
            sys.stderr.flush()
            sys.stderr = os.fdopen(os.dup(2), "w", 1, sys.stderr.encoding, sys.stderr.errors)
