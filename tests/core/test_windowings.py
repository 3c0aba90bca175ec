"""Rows of windowings."""

from __future__ import annotations

import pickle

import pytest

import poolcli
from poolcli import WINDOWINGS


@pytest.mark.parametrize("name", WINDOWINGS)
def test_a_row_goes_to_another_process_by_its_name(name: str) -> None:
    """Whatever functions it holds."""
    assert pickle.loads(pickle.dumps(WINDOWINGS[name])) is WINDOWINGS[name]


@pytest.mark.parametrize("options", [{"size": 2}, {"adaptive": 3}, {"size": "all"}, {"fractional": 1.5}], ids=str)
def test_a_plan_goes_to_another_process(options: dict[str, object]) -> None:
    """As workers of a cluster and processes of a batch are sent it."""
    plan = poolcli.plan((8, 12), **options)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(plan)).output_shape == plan.output_shape
