"""Studies of many files in one run: fractions and haar, each file with its own outputs and its own failure."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call

from poolcli.analysis import fractions

RNG = np.random.default_rng(7)
LABELS = {"a": RNG.integers(0, 3, (6, 8)).astype(np.uint8), "b": RNG.integers(2, 6, (4, 4)).astype(np.uint8),
          "sub/c": RNG.integers(1, 3, (2, 2)).astype(np.uint8)}


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line beside a folder of labels, one of them in a folder below."""
    monkeypatch.chdir(tmp_path)
    Path("in/sub").mkdir(parents=True)
    for name, labels in LABELS.items():
        np.save(f"in/{name}.npy", labels)
    return here


def count_shares(x: np.ndarray, classes: list[int]) -> np.ndarray:  # type: ignore[type-arg]
    """The oracle: shares of 2x2 windows."""
    blocks = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2)
    return np.stack([(blocks == one).mean((1, 3)) for one in classes], -1)


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_fractions_of_a_folder_have_the_classes_of_each_file(run: Call, jobs: str) -> None:
    """Below the output's folder as below the input's; one document has a report of each; a broken one is its own."""
    Path("in/bad.npy").write_bytes(b"junk")
    done = run("fractions", "in/", "-k", "2", "-r", "-o", "out/", "--json", "--jobs", jobs)
    files = json.loads(done.out)["files"]
    assert done.code == 1 and done.err.count("\n") == 1 and "in/bad.npy: " in done.err
    assert [one["status"] for one in files] == ["ok", "ok", "failed", "ok"]
    for name, found in zip(LABELS, [files[0], files[1], files[3]], strict=True):
        classes = np.unique(LABELS[name]).tolist()
        assert found["classes"] == classes and found["output"] == f"out/{name}_fractions.npy"
        np.testing.assert_array_equal(np.load(found["output"]), count_shares(LABELS[name], classes))


def test_fractions_of_named_classes_are_alike_and_what_is_there_is_passed_over(run: Call) -> None:
    """The same channels of each; a second run does what is missing."""
    words = ["fractions", "in/a.npy", "in/b.npy", "-k", "2", "--classes", "2,5", "-o", "s/{stem}.npy",
             "--skip-existing"]
    assert run(*words, "-q").code == 0
    for name in "ab":
        np.testing.assert_array_equal(np.load(f"s/{name}.npy"), count_shares(LABELS[name], [2, 5]))
    Path("s/a.npy").unlink()
    Path("s/b.npy").write_bytes(b"kept")
    done = run(*words, "--json")
    assert [one["status"] for one in json.loads(done.out)["files"]] == ["ok", "skipped"]
    assert Path("s/b.npy").read_bytes() == b"kept" and Path("s/a.npy").exists()
    done = run(*words[:-1])
    assert done.code == 1 and done.err.count("exists; --overwrite would work") == 2
    assert run(*words[:-1], "--fail-fast").err.count("exists; --overwrite would work") == 1


def test_bands_of_many_files_come_back(run: Call) -> None:
    """Taken apart and put together in one run each, with the means beside them."""
    assert run("haar", "in/a.npy", "in/b.npy", "-o", "bands/", "--low", "low/{stem}.npy", "-q").code == 0
    assert sorted(path.name for path in Path("low").iterdir()) == ["a.npy", "b.npy"]
    done = run("haar", "--inverse", "bands/*.npz", "-o", "back/", "--jobs", "2")
    assert (done.code, done.err) == (0, "")
    for name in "ab":
        back = np.load(f"back/{name}_haar_inverse.npy")
        assert back.dtype == np.uint8 and np.array_equal(back, LABELS[name])


@pytest.mark.parametrize(("line", "said"), [
    ("fractions in/ -k 2", "--output: is needed when a folder is the input"),
    ("fractions in/a.npy in/b.npy -k 2 -o s.npy", "would both be written to s.npy"),
    ("fractions in/a.npy in/b.npy -k 2 -o -", "--output: takes one result, and there are several"),
    ("haar in/a.npy in/b.npy --low low.npy -o bands/", "would both be written to low.npy"),
    ("haar --skip-existing", "INPUT: is missing"),
])
def test_what_cannot_be_is_told_before_any_work(run: Call, line: str, said: str) -> None:
    """In a line; nothing is written."""
    done = run(*line.split())
    assert done.code == 2 and said in done.err and done.err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["in"]


@pytest.mark.parametrize(("error", "said", "files"), [
    (ZeroDivisionError("by zero\nagain"), "unexpected ZeroDivisionError: by zero\\nagain; --debug shows where", 2),
    (MemoryError(), "not enough memory for it", 2),
    (OSError(errno.EIO, "Input/output error"), "cannot be read or written: Input/output error", 2),
    (OSError(errno.ENOSPC, "No space left on device"), "cannot be read or written: No space left on device", 1),
])
def test_whatever_ends_the_work_on_a_file_is_that_files_failure(run: Call, monkeypatch: pytest.MonkeyPatch,
                                                               error: Exception, said: str, files: int) -> None:
    """One line, exit code 1, and the next file is done; after a full disk none is, as with reducers."""
    find, met = fractions.find_fractions, list[object]()

    def fail(x: np.ndarray, *given: object, **more: object) -> object:  # type: ignore[type-arg]
        met.append(x)
        if x.shape == LABELS["a"].shape:
            raise error
        return find(x, *given, **more)

    monkeypatch.setattr(fractions, "find_fractions", fail)
    done = run("fractions", "in/a.npy", "in/b.npy", "-k", "2", "-o", "out/", "-q", "--jobs", "1")
    assert (done.code, done.err) == (1, f"poolcli: in/a.npy: {said}\n") and len(met) == files
    assert Path("out/b_fractions.npy").exists() == (files == 2)
    debugged = run("--debug", "fractions", "in/a.npy", "in/b.npy", "-k", "2", "-o", "more/", "-q", "--jobs", "1")
    assert "Traceback" in debugged.err and debugged.err.endswith(done.err)
