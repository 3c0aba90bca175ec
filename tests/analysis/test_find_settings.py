"""Settings for a wanted shape give it, and nothing plain that is better was passed over."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import poolcli


@pytest.mark.parametrize(("shape", "target"), [((225, 225), (112, 112)), ((17, 12), (8, 6)),
                                               ((4000, 6000), (224, 224)), ((30, 31), (7, 7)),
                                               ((9, 9), (1, 1)), ((9, 9), (9, 9)), ((8, 6), (9, 7))])
def test_settings_give_the_target(shape: tuple[int, int], target: tuple[int, int]) -> None:
    """Each as ``plan`` has it, with the coverage that is said, the best coverage first and then the least overlap."""
    found = poolcli.settings_for(shape, target)
    assert found
    for one in found:
        plan = poolcli.plan(shape, **one.keywords)
        assert plan.output_shape == target and plan.coverage == one.coverage
    order = [(-one.coverage, round(one.overlap, 6)) for one in found]
    assert [first for first, _ in order] == sorted(first for first, _ in order)


@pytest.mark.parametrize(("n", "m"), [(n, m) for n, m in product(range(2, 12), range(1, 12)) if m <= n])
def test_no_better_one_is_passed_over(n: int, m: int) -> None:
    """Against every size, stride, padding of at most half a window, with and without a ceiling."""
    best = (2.0, 0.0)
    for size, ceil in product(range(1, n + 1), (False, True)):
        for stride, pad in product(range(1, n + 1), range(size // 2 + 1)):
            try:
                plan = poolcli.plan((n,), size=size, stride=stride, padding=pad, ceil_mode=ceil)
            except poolcli.PoolError:
                continue
            if plan.output_shape == (m,):
                reads = plan.windows[0].present[1].sum() / n
                best = min(best, (round(1 - plan.coverage, 9), round(float(reads - plan.coverage), 9)))
    found = poolcli.settings_for((n,), (m,))
    assert best[0] > 1 if not found else best == (round(1 - found[0].coverage, 9), round(found[0].overlap, 9))


def test_large_windows() -> None:
    """Where windows are thousands wide, the sizes that just read all are found without trying every one."""
    found = poolcli.settings_for((100_000, 100_000), (7, 9))
    assert found[0].options == "--size 14286x11112 --ceil" and found[0].coverage == 1


def test_settings_pool() -> None:
    """Channels are kept, the layout is heeded."""
    x = np.zeros((3, 50, 37), np.float32)
    for one in poolcli.settings_for(x.shape, (16, 12), layout="CHW"):
        assert poolcli.pool(x, "max", layout="CHW", **one.keywords).shape == (3, 16, 12)


def test_nothing_plain_and_wrong_targets() -> None:
    """An empty answer, or an error that says how many lengths are wanted."""
    assert poolcli.settings_for((5, 5), (9, 9)) == ()
    with pytest.raises(poolcli.PoolError, match="one for each"):
        poolcli.settings_for((5, 5, 3), (2, 2, 3))
    with pytest.raises(poolcli.PoolError, match="from 1"):
        poolcli.settings_for((5, 5), (0, 2))
