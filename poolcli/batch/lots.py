"""Names of inputs, many in little room, and what there is to say of those that are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

BETWEEN = "\0"
"""No name has it."""
MOST_NAMED = 10_000
"""Names that are packed together, and unpacked together."""
MOST_NOTES = 100
"""Names passed over that are told one by one."""


@dataclass(frozen=True)
class Lot:
    """Inputs of one folder (None: as they were named), found under a root, or what is wrong with the folder.

    Folder and root end in a slash.
    """

    names: str
    count: int
    folder: str | None = None
    root: str | None = None
    problem: str | None = None

    @classmethod
    def of(cls, names: Sequence[str], folder: str | None = None, root: str | None = None,
           problem: str | None = None) -> Lot:
        """Pack some names."""
        return cls(BETWEEN.join(names), len(names), folder, root, problem)

    def sources(self) -> Iterator[str]:
        """The paths."""
        before = self.folder or ""
        return (before + name for name in self.names.split(BETWEEN))


@dataclass
class Notes:
    """Names that are no inputs and why: the first hundred, and how many more."""

    told: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    """Files of folders that look like pictures and are not read, by their endings."""

    def add_unread(self, ending: str) -> None:
        """Count a file that is not read."""
        self.unread[ending] += 1

    def add(self, name: str, text: str) -> None:
        """Take one."""
        if len(self.told) < MOST_NOTES:
            self.told.append((name, text))
        else:
            self.more += 1

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """All that is to be said."""
        yield from self.told
        if self.more:
            yield self.told[-1][0], f"and {self.more:,} more names were passed over"
