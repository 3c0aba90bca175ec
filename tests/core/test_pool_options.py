"""The keywords of pool and plan stand in their signatures, as they are taken."""

from __future__ import annotations

import inspect
from io import StringIO
from pydoc import Helper

import numpy as np

import poolcli
from poolcli.core.pool_options import Keywords, WindowKeywords
from poolcli.core.windowings import WINDOW_KEYWORDS


def test_signatures_name_every_keyword() -> None:
    """For editors and help(): those of the typed dictionaries, each by name only; nothing is left to ``**options``."""
    for function, keywords in ((poolcli.pool, Keywords), (poolcli.plan, WindowKeywords)):
        found = inspect.signature(function).parameters
        assert set(keywords.__annotations__) <= set(found)
        assert not [one for one in found.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
    text = StringIO()
    Helper(output=text).help(poolcli.pool)
    assert "pad_mode: 'str' = 'exclude'" in text.getvalue() and "ceil_mode" in text.getvalue()


def test_window_keywords_are_those_that_are_checked() -> None:
    """The type says what the checks know, beside the layout, which is no window's."""
    assert set(WindowKeywords.__annotations__) == {*WINDOW_KEYWORDS, "layout"}


def test_defaults_that_are_shown_are_those_that_hold() -> None:
    """Given as they stand in the signature they change nothing."""
    shown = {name: one.default for name, one in inspect.signature(poolcli.pool).parameters.items()
             if one.kind is inspect.Parameter.KEYWORD_ONLY}
    x = np.arange(48.0).reshape(6, 8)
    for reducer in ("max", "avg", "gem"):
        np.testing.assert_array_equal(poolcli.pool(x, reducer, **shown), poolcli.pool(x, reducer))
