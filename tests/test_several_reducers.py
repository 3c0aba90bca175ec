"""Several reducers of one array: each result is that of the reducer alone, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.errors import OptionError

X = np.random.default_rng(4).integers(0, 256, (9, 10)).astype(np.uint8)


def test_each_result_is_the_reducers_own() -> None:
    """In the order in which they are named, with the parameters that each has, as the same dtype."""
    found = poolcli.pool(X, ["max", "avg", "quantile", "lp"], size=3, stride=2, q=0.9, p=3, mask=X > 20)
    assert isinstance(found, tuple)
    wanted = [poolcli.pool(X, name, size=3, stride=2, mask=X > 20, **own)
              for name, own in (("max", {}), ("avg", {}), ("quantile", {"q": 0.9}), ("lp", {"p": 3}))]
    for got, alone in zip(found, wanted, strict=True):
        assert got.dtype == alone.dtype
        assert np.array_equal(got, alone)
    assert poolcli.pool(X, (), size=3) == ()


@pytest.mark.parametrize(("reducers", "options", "said"), [
    (["max", "maxx"], {}, "there is no reducer 'maxx'; max"),
    (["max", "avg"], {"q": 0.5}, "q"),
    (["max", "avg"], {"out": np.empty((4, 5), np.uint8)}, "of several reducers there are values alone"),
    (["max", "min"], {"return_indices": True}, "of several reducers there are values alone"),
])
def test_what_cannot_be_is_said(reducers: list[str], options: dict[str, Any], said: str) -> None:
    """Before anything is pooled."""
    with pytest.raises(OptionError, match=said):
        poolcli.pool(X, reducers, size=2, **options)
