"""What is noted of the work that kernels were not compiled for."""

from __future__ import annotations

import pytest

from poolcli.drivers import policy
from poolcli.jit import KernelSpec


def test_what_work_took_is_noted_of_so_many_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that asks for ever other kernels keeps the latest; the first is kept for as long as it is used."""
    monkeypatch.setattr(policy, "MOST_SPENT", 8)
    specs = [KernelSpec(max, (number,), ()) for number in range(40)]
    for spec in specs:
        with policy.UncompiledKernel(specs[0], 1.0).measure():
            pass
        with policy.UncompiledKernel(spec, 1.0).measure():
            pass
    assert list(policy._spent) == [*specs[-7:-1], specs[0], specs[-1]]
