"""Layout letters: which are refused, and which shapes they go with."""

from __future__ import annotations

from typing import Any

import pytest

from poolcli.core.axes import check_layout, resolve
from poolcli.errors import OptionError, PoolError


@pytest.mark.parametrize("letters", [5, None, "", "H1", "HÄ", "H W", "hw"])
def test_what_is_no_layout_is_refused(letters: Any) -> None:
    """Letters of ASCII, one of them a capital."""
    with pytest.raises(OptionError, match="layout names every axis by a capital letter, as in NCHW, not "):
        check_layout(letters)


def test_an_axis_of_one_sample_is_pooled_and_an_empty_one_is_not() -> None:
    """None may be empty; one sample is enough."""
    assert resolve((1, 3), "HW").pooled == (0, 1)
    with pytest.raises(PoolError, match="axis W of shape 3x0 has no samples"):
        resolve((3, 0), "HW")
