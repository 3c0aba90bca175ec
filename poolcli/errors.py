"""What poolcli raises on purpose."""

from __future__ import annotations


class PoolError(ValueError):
    """What was given cannot be pooled; the message says what, why not, and what would work."""


class OptionError(PoolError):
    """An option that no input could satisfy, or that does not go with another; ``option`` is its keyword."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option
