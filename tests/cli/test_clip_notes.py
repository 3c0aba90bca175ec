"""What the command line says of results that an integer type could not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture

BYTES = np.random.default_rng(12).integers(0, 256, (64, 48), np.uint8)
CLIPPED = int((BYTES.reshape(32, 2, 24, 2).sum((1, 3), dtype=np.int64) > 255).sum())
"""Sums of 2x2 that are beyond a byte."""


def test_a_picture_of_sums_says_how_many_are_clipped(here: Call, tmp_path: Path) -> None:
    """On stderr and in --json; what is suggested works; --quiet is quiet, and an average says nothing."""
    path = save_picture(tmp_path / "x.png", BYTES)
    text = (f"{CLIPPED:,} of {BYTES.size // 4:,} samples are clipped to 255; -o NAME.npy or --dtype uint16 would hold "
            "them")
    assert here("sum", path, "-k", "2", "-o", tmp_path / "a.png").err == f"poolcli: {path}: note: {text}\n"
    assert text in here("sum", path, "-k", "2", "-o", tmp_path / "b.png", "--json").out
    assert "note" not in here("sum", path, "-k", "2", "-o", tmp_path / "c.png", "-q").err
    assert "note" not in here("sum", path, "-k", "2", "-o", tmp_path / "d.npy").err
    assert "note" not in here("sum", path, "-k", "2", "-o", tmp_path / "e.png", "--dtype", "uint16").err
    assert "note" not in here("avg", path, "-k", "2", "-o", tmp_path / "f.png").err
    assert "samples are clipped to 255; -o NAME.npy would hold them" in here(
        "sum", path, "-k", "2", "-o", tmp_path / "g.jpg").err


@pytest.mark.parametrize("streamed", [False, True])
def test_an_array_of_an_explicit_dtype_says_it_too(here: Call, tmp_path: Path, streamed: bool,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """To saturate is what --dtype promises; how many did is worth a line. A stream counts slab by slab."""
    from poolcli.chunked import slabs, streaming

    monkeypatch.setattr(streaming, "MIN_STREAM_BYTES", 0 if streamed else 1 << 30)
    monkeypatch.setattr(slabs, "SLAB_BYTES", 500)
    np.save(tmp_path / "x.npy", BYTES)
    err = here("sum", tmp_path / "x.npy", "-k", "2", "-o", tmp_path / "y.npy", "--dtype", "uint8").err
    assert f"{CLIPPED:,} of {BYTES.size // 4:,} samples are clipped to 255; --dtype uint16 would hold them\n" in err


def test_notes_of_many_files_are_told_together(here: Call, tmp_path: Path) -> None:
    """Three lines of a kind, then how many more; --verbose has them all."""
    (tmp_path / "in").mkdir()
    for i in range(12):
        save_picture(tmp_path / f"in/{i:02}.png", BYTES[i : i + 4])
    err = here("sum", tmp_path / "in", "-k", "4", "-o", f"{tmp_path}/out/").err
    assert err.count(" note: ") == 3
    assert err.endswith("would hold them\n") and "poolcli: 9 files more have notes such as: 12 of 12 samples" in err
    assert here("sum", tmp_path / "in", "-k", "4", "-o", f"{tmp_path}/out2/", "-v").err.count(" note: ") == 12
