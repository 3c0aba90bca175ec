"""The steps by which rows are folded along themselves."""

from __future__ import annotations

import pytest

from poolcli.drivers.fold import addition_chain
from poolcli.kernels.fold import fold_row, rows

SIZES = [*range(1, 600), 4095, 65536, 131071]


@pytest.mark.parametrize("size", SIZES)
def test_steps_make_each_window_of_its_own_samples(size: int) -> None:
    """Followed on rows of ranges, every step merges neighbours, in order, from a row that is still held."""
    table = addition_chain.table(size).tolist()
    held = {0: 1}
    for i in range(table[fold_row.STEPS]):
        step = table[fold_row.FIRST_STEP + i * fold_row.STEP :][: fold_row.STEP]
        end = 0
        for j in range(step[fold_row.COUNT]):
            row, shift = step[fold_row.SOURCES + 2 * j :][:2]
            assert shift == end and row != step[fold_row.TO]
            end += held[row]
        assert end == step[fold_row.SPAN] and 0 < step[fold_row.TO] < rows.ROWS
        held[step[fold_row.TO]] = end
    assert table[0] == size and held[step[fold_row.TO] if size > 1 else 0] == size


def test_few_passes() -> None:
    """A window of 31 takes three passes, where doubling takes eight; 127 takes four of sixteen reads."""
    assert [sum(step) for step in addition_chain.chain(31)] == [5, 15, 31]
    assert len(addition_chain.chain(127)) == 4 and sum(map(len, addition_chain.chain(127))) == 16
