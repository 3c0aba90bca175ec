"""A mask, weights or scores of a whole batch are decoded once in each process, in bounded memory."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call, save_picture

from poolcli import files
from poolcli.batch.shared_arrays import SharedArrays, identify_file
from poolcli.core import memory_budget
from poolcli.core.memory_budget import begin_job, limit_to, reserve
from poolcli.errors import PoolError

RNG = np.random.default_rng(4)
PICTURES = {f"p{i}": RNG.integers(1, 255, (6, 8)).astype(np.uint8) for i in range(5)}
MASK = (RNG.random((6, 8)) < 0.7).astype(np.uint8) * 255


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line beside five pictures and one mask."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name, samples in PICTURES.items():
        save_picture(tmp_path / "in" / f"{name}.png", samples)
    save_picture(tmp_path / "m.png", MASK)
    return here


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was decoded."""
    found, read = Counter[str](), files.read

    def count(name: Any, *args: Any, **options: Any) -> Any:
        found[str(name)] += 1
        return read(name, *args, **options)

    monkeypatch.setattr(files, "read", count)
    return found


def average(x: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> list[list[int]]:
    """The oracle: whole windows of 2x2, means of valid samples rounded half up, 0 where there are none."""
    windows = [[(x[i : i + 2, j : j + 2][mask[i : i + 2, j : j + 2] != 0].astype(int)) for j in range(0, 8, 2)]
               for i in range(0, 6, 2)]
    return [[int((2 * one.sum() + one.size) // (2 * one.size)) if one.size else 0 for one in row] for row in windows]


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize(("words", "mask"), [(("--mask", "m.png"), MASK), (("--mask", "!m.png"), MASK == 0)])
def test_one_mask_of_a_batch_is_decoded_once(run: Call, reads: Counter[str], jobs: str, words: tuple[str, str],
                                             mask: np.ndarray[Any, Any]) -> None:
    """By however many threads; each result is that of the mask, and the next run reads it again."""
    for times in (1, 2):
        done = run("avg", "-k", "2", "in/", *words, "--nodata", "0", "-o", "out/", "--jobs", jobs, "--overwrite", "-q")
        assert (done.code, done.err, reads["m.png"]) == (0, "", times)
    for name, x in PICTURES.items():
        assert files.read(f"out/{name}.png").array.tolist() == average(x, mask)


def test_one_file_of_scores_is_decoded_once_and_masks_by_pattern_each(run: Call, reads: Counter[str]) -> None:
    """A pattern has another file for each input, so nothing of it is kept."""
    np.save("s.npy", RNG.random((6, 8)))
    Path("masks").mkdir()
    for name in PICTURES:
        save_picture(Path("masks", f"{name}.png"), MASK)
    done = run("max", "-k", "2", "in/", "--by", "s.npy", "--mask", "masks/{stem}.png", "--nodata", "0", "-o", "out/",
               "-q")
    assert (done.code, done.err, reads["s.npy"]) == (0, "", 1)
    assert all(reads[f"masks/{name}.png"] == 1 for name in PICTURES)


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    """What it is known by is its path and what the system says of it; none is none."""
    path = tmp_path / "m.npy"
    np.save(path, np.zeros(3))
    before = identify_file(str(path))
    os.utime(path, ns=(1, 1))
    assert before is not None and identify_file(str(path)) not in (before, None)
    assert identify_file(str(tmp_path / "no.npy")) is None


def test_what_is_kept_is_within_a_quarter_of_the_budget() -> None:
    """Those used last stay; one that is more than that is read each time; nobody may write into any."""
    kept, read = SharedArrays(), Counter[str]()

    def get(name: str, size: int) -> Any:
        def decode() -> Any:
            read[name] += 1
            return np.zeros(size, np.uint8)

        return kept.get(name, decode)

    with limit_to(4000):
        for name in ("a", "b", "a", "c", "a", "b"):  # c takes the place of b
            get(name, 400)
        get("large", 1001)
        get("large", 1001)
    assert read == {"a": 1, "b": 2, "c": 1, "large": 2}
    assert not get("a", 400).flags.writeable


def test_each_job_claims_what_it_uses_and_nobody_waits_while_others_wait_for_it() -> None:
    """A job that holds nothing reads the shared array, while one that holds room wants it: both end."""
    kept, asked, go, ready = SharedArrays(), threading.Event(), threading.Event(), threading.Semaphore(0)
    claims: list[int] = []

    def decode() -> Any:
        asked.set()
        assert go.wait(20)
        reserve(700, "an array")
        return np.zeros(700, np.uint8)

    def work(held: int) -> None:
        with begin_job():
            reserve(held, "samples")
            ready.release()
            kept.get("m", decode)
            claims.append(memory_budget._job.held or 0)

    with limit_to(1000):
        jobs = []
        for held in (0, 600):
            jobs.append(threading.Thread(target=work, args=(held,), daemon=True))
            jobs[-1].start()
            assert ready.acquire(timeout=20) and asked.wait(20)
        go.set()
        for job in jobs:
            job.join(20)
    assert sorted(claims) == [700, 1300]
    with pytest.raises(PoolError, match="1,000 may be held"), limit_to(1000):
        kept.get("much", lambda: reserve(1001, "an array"))  # type: ignore[arg-type,return-value]
