"""``poolcli bench``: its rows pool what they say, and its figures are in order."""

from __future__ import annotations

import json

import numpy as np
import pytest
import reference
from cli.calls import Call

import poolcli
from poolcli import bench

ONCE = bench.Budget(rounds=1, seconds=0)
TINY = [row.smaller(256) for row in bench.ROWS]


@pytest.mark.parametrize("row", TINY, ids=lambda row: row.name)
def test_a_row_pools_what_the_oracle_pools(row: bench.BenchRow) -> None:
    """On a picture of 16 x 16."""
    x = bench.make_noise(row)
    keywords = {**row.keywords, "dtype": row.dtype}
    got = poolcli.pool(x, row.reducer, **keywords)
    reference.assert_agrees(got, reference.pool(x, row.reducer, **keywords), x, row.reducer)
    found = bench.figure(row, ONCE)
    assert found.own > 0 and found.copy > 0 and found.ratio == found.own / found.copy


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows that take no time."""
    monkeypatch.setattr(bench, "ROWS", tuple(TINY[:2]))
    monkeypatch.setattr(bench.BenchRow, "smaller", lambda row, times: row)


def test_the_table_has_a_line_for_each_row(here: Call, tiny: None) -> None:
    """With its name, and three numbers."""
    done = here("bench", "--quick")
    lines = done.out.splitlines()
    assert done.code == 0 and done.err == ""
    for row in bench.ROWS:
        (line,) = [line for line in lines if line.startswith(row.name + " ")]
        own, copy, ratio = (float(word) for word in line.removeprefix(row.name).split())
        assert min(own, copy, ratio) >= 0


def test_json_is_one_document(here: Call, tiny: None) -> None:
    """The same for programs, with what the figures depend on."""
    document = json.loads(here("bench", "--quick", "--json").out)
    assert [figure["work"] for figure in document["figures"]] == [row.name for row in bench.ROWS]
    assert document["numpy"] == np.__version__ and document["threads"] >= 1 and document["quick"]
