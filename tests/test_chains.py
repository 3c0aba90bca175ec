"""The steps by which rows are folded along themselves."""

from __future__ import annotations

import pytest

from poolcli.drivers import chains
from poolcli.kernels import along, rows

SIZES = [*range(1, 600), 4095, 65536, 131071]


@pytest.mark.parametrize("size", SIZES)
def test_steps_make_each_window_of_its_own_samples(size: int) -> None:
    """Followed on rows of ranges, every step merges neighbours, in order, from a row that is still held."""
    table = chains.table(size).tolist()
    held = {0: 1}
    for i in range(table[along.STEPS]):
        step = table[along.FIRST_STEP + i * along.STEP :][: along.STEP]
        end = 0
        for j in range(step[along.COUNT]):
            row, shift = step[along.SOURCES + 2 * j :][:2]
            assert shift == end and row != step[along.TO]
            end += held[row]
        assert end == step[along.SPAN] and 0 < step[along.TO] < rows.ROWS
        held[step[along.TO]] = end
    assert table[0] == size and held[step[along.TO] if size > 1 else 0] == size


def test_few_passes() -> None:
    """A window of 31 takes three passes, where doubling takes eight; 127 takes four of sixteen reads."""
    assert [sum(step) for step in chains.chain(31)] == [5, 15, 31]
    assert len(chains.chain(127)) == 4 and sum(map(len, chains.chain(127))) == 16
