"""Gathered windows hold exactly the samples that the plan says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli.analysis import unfold
from poolcli.engine.prepared import canonical_windows
from poolcli.pooling import parse_pooling

OPTIONS: list[dict[str, Any]] = [
    {"size": 2}, {"size": 3, "stride": 2, "padding": 1, "dilation": 2}, {"size": 3, "padding": "same", "stride": 2},
    {"adaptive": 4}, {"size": "all"}, {"fractional": 1.5, "overlapping": True}, {"size": 3, "ceil_mode": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("shape", "layout"), [((9,), "L"), ((2, 9, 8), "CHW"), ((7, 9, 3), "HWC"), ((6, 7, 8), "DHW")])
def test_sums_of_gathered_samples_are_the_sums(
    options: dict[str, Any], shape: tuple[int, ...], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole numbers, so exactly; and the flat index leads back to the sample."""
    monkeypatch.setattr(unfold, "MOST_SAMPLES", 64)  # several blocks
    array = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    pooling = parse_pooling("sum", layout=layout, **options)
    plan = pooling.plan(shape)
    canonical = plan.axes.canonical(array)
    wanted = plan.axes.canonical(pooling.run(array, plan).values)
    found = np.zeros(wanted.shape)
    for part in unfold.unfold(canonical, canonical_windows(plan, False)):
        found[part.block] = part.values.sum(axis=0)
        planes = canonical[part.block[0]].reshape(-1, canonical.shape[4])
        p, o, i, j, k, c = np.nonzero(part.present)
        assert (planes[part.flat[p, o, i, j, k, c], c + part.block[4].start] == part.values[p, o, i, j, k, c]).all()
        assert (part.values[~part.present] == 0).all()
    assert (found == wanted).all()
