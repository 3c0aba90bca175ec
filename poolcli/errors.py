"""What poolcli raises on purpose."""

from __future__ import annotations

from collections.abc import Callable


class PoolError(ValueError):
    """What was given cannot be pooled; the message says what, why not, and what would work."""


class OptionError(PoolError):
    """An option that no input could satisfy, or that does not go with another; ``option`` is its keyword."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class OutputError(PoolError):
    """An output that cannot be written; ``target`` is its name, None for a stream that has none."""

    def __init__(self, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.target = target


class LayoutError(PoolError):
    """An array whose shape does not say which axis holds its channels; ``layouts`` are the letters that it may have."""

    def __init__(self, shape: tuple[int, ...], layouts: tuple[str, ...]) -> None:
        self.shape, self.layouts = shape, layouts
        ways = " or ".join(f'layout="{letters}"' for letters in layouts)
        volume = ', or layout="DHW" for a volume' if len(shape) == 3 else ""
        super().__init__(f"an array of shape {'x'.join(map(str, shape))} may have its channels first or last; "
                         f"{ways} would work{volume}")

    def __reduce__(self) -> tuple[type[LayoutError], tuple[tuple[int, ...], tuple[str, ...]]]:
        """Pickle by what it was made of, for errors of worker processes."""
        return type(self), (self.shape, self.layouts)


NO_MEMORY = "not enough memory"
_LACKS_OF_MEMORY = {"can't allocate lock", "can't allocate read lock", "can't start new thread"}
"""What CPython's threads and files say of it, as RuntimeError."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, in whichever way."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) in _LACKS_OF_MEMORY)


lost_memory_listeners: list[Callable[[], None]] = []
"""Called where a library's thread lacked memory and can tell nobody: who waits for what it was to do waits for ever."""


def describe_unexpected(error: BaseException, text: str | None = None) -> str:
    """What is said of an error that is a fault of ours, or of a library below; ``text`` is its own in another form."""
    return f"unexpected {type(error).__name__}: {error if text is None else text}; --debug shows where"
