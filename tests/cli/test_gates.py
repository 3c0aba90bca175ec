"""What a batch must survive, as processes on real files: kills, full disks, spoilt caches, odd names and terminals.

Each test is named after the fault that it is about. ``KILLS=100 pytest -k kill_9`` kills more often.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Process, names, on_terminal, save_picture

import poolcli
from poolcli.files.tempfiles import TEMPORARY

KILLS = int(os.environ.get("KILLS", "6"))
POOLCLI = [sys.executable, "-m", "poolcli"]
GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)


def arrays(folder: Path, count: int, side: int) -> list[Path]:
    """Arrays of noise, the same every time."""
    folder.mkdir()
    paths = [folder / f"{i:02}.npy" for i in range(count)]
    for i, path in enumerate(paths):
        np.save(path, np.random.default_rng(i).integers(0, 256, (side, side), dtype=np.uint8))
    return paths


def wholes(folder: Path) -> list[str]:
    """The files that are no temporary ones."""
    return [name for name in names(folder) if not name.startswith(TEMPORARY)]


def begun(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A run that has ended its first file."""
    run = subprocess.Popen([*POOLCLI, *arguments, "--jsonl"], cwd=folder, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert run.stdout is not None and run.stdout.readline()
    return run


def test_gate_2_kill_9_at_random_moments_of_an_overwriting_batch(tmp_path: Path) -> None:
    """Each output is the whole old or the whole new one, no other file is touched; the next run clears what was left
    and --skip-existing does the rest."""
    paths = arrays(tmp_path / "in", 24, 400)
    old = {path.name: path.read_bytes() for path in paths}
    new: dict[str, bytes] = {}
    for kill in range(KILLS + 1):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        shutil.copytree(tmp_path / "in", tmp_path / "out")
        run = begun(tmp_path, "max", "-k", "2", "in", "-o", "out/", "--overwrite", "--jobs", "2")
        if not kill:  # this once to the end
            run.communicate(timeout=60)
            new = {name: (tmp_path / "out" / name).read_bytes() for name in old}
            continue
        time.sleep(random.uniform(0, 0.05))
        run.kill()
        run.communicate(timeout=60)
        assert wholes(tmp_path / "out") == sorted(old)
        for name in old:
            assert (tmp_path / "out" / name).read_bytes() in (old[name], new[name]), name
    assert {path.name: path.read_bytes() for path in paths} == old
    left = {name for name in old if (tmp_path / "out" / name).read_bytes() == old[name]}
    for name in left:
        (tmp_path / "out" / name).unlink()
    done = subprocess.run([*POOLCLI, "max", "-k", "2", "in", "-o", "out/", "--skip-existing", "-q"], cwd=tmp_path,
                          capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names(tmp_path / "out")} == new


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_batch_reports_all_that_was_written(tmp_path: Path, number: signal.Signals) -> None:
    """Files under way are finished and in the report; nothing is half, nothing is left over, the summary says how many
    were not begun."""
    (first,) = arrays(tmp_path / "in", 1, 800)
    for i in range(1, 400):
        (tmp_path / f"in/{i:03}.npy").hardlink_to(first)
    run = begun(tmp_path, "median", "-k", "3", "in", "-o", "out/", "--jobs", "2", "-v")
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == (130 if number == signal.SIGINT else -number)
    reported = {Path(json.loads(line)["input"]).name for line in out.splitlines()}
    assert names(tmp_path / "out") == sorted(reported | {"00.npy"}) and len(reported) < 399
    assert f"{400 - len(reported) - 1:,} not begun".encode() in err and b"Traceback" not in err
    expected = poolcli.pool(np.load(first), "median", size=3)
    for path in (tmp_path / "out").iterdir():
        np.testing.assert_array_equal(np.load(path), expected)


def in_small_disk(folder: Path, line: str) -> subprocess.CompletedProcess[bytes]:
    """Run with a file system of 64 KB at disk/, filled with what is in old/; copied to kept/ in the end."""
    for name in ("disk", "old", "kept"):
        (folder / name).mkdir(exist_ok=True)
    script = ("mount -t tmpfs -o size=64k none disk || exit 99; cp old/* disk; "
              f"{line}; code=$?; cp -a disk/. kept; exit $code")
    return subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=folder, capture_output=True, check=False)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_gate_4_a_full_disk(tmp_path: Path) -> None:
    """One line with the errno text, the batch stops, exit 3; the old output stays whole, no temporary file is left."""
    arrays(tmp_path / "in", 6, 400)  # 40 KB each when pooled: one has room, with an old one beside it
    (tmp_path / "old").mkdir()
    (tmp_path / "old/01.npy").write_bytes(b"old")
    done = in_small_disk(tmp_path, f"{sys.executable} -m poolcli max -k 2 in -o disk/ --overwrite --jobs 1 -q")
    if done.returncode == 99 or b"unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert (done.returncode, done.stderr) == (
        3, b"poolcli: in/01.npy: disk/01.npy cannot be written: No space left on device\n")
    assert names(tmp_path / "kept") == ["00.npy", "01.npy"]
    assert (tmp_path / "kept/01.npy").read_bytes() == b"old"
    assert np.load(tmp_path / "kept/00.npy").shape == (200, 200)


def test_few_file_descriptors(tmp_path: Path) -> None:
    """Files are closed when they are done: 24 descriptors are enough for 60 files."""
    arrays(tmp_path / "in", 60, 4)
    done = subprocess.run([*POOLCLI, "max", "in", "-o", "out/", "-q", "--jobs", "4"], cwd=tmp_path, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)), check=False)
    assert (done.returncode, done.stderr, len(names(tmp_path / "out"))) == (0, b"", 60)


def test_the_same_bytes_whatever_the_surroundings(tmp_path: Path) -> None:
    """Time zone, hash seed, locale, files at once and threads."""
    for i in range(4):
        save_picture(tmp_path / f"{i}.png", np.random.default_rng(i).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    surroundings: list[tuple[dict[str, str], str]] = [
        ({"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1", "LC_ALL": "C", "POOLCLI_THREADS": "1"}, "1"),
        ({"TZ": "America/Lima", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "POOLCLI_THREADS": "2"}, "3")]
    results = []
    for env, jobs in surroundings:
        subprocess.run([*POOLCLI, "stochastic", "-q", "--seed", "3", ".", "-o", f"out{jobs}/", "--jobs", jobs],
                       cwd=tmp_path, env={**os.environ, **env}, check=True)
        results.append([path.read_bytes() for path in sorted((tmp_path / f"out{jobs}").iterdir())])
    assert results[0] == results[1] and len(results[0]) == 4


def test_standard_input_is_left_alone(tmp_path: Path) -> None:
    """Unless - is given nobody waits for it: cron and CI leave it open."""
    save_picture(tmp_path / "a.png", GREY)
    reading, writing = os.pipe()
    try:
        done = subprocess.run([*POOLCLI, "max", "a.png", "-q"], cwd=tmp_path, stdin=reading, timeout=60, check=False)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0


# The cache of compiled kernels.


def spoilt(cache: Path, how: str) -> None:
    """Each of its files."""
    for path in (path for path in cache.rglob("*") if path.is_file()):
        size = path.stat().st_size
        path.write_bytes({"cut": path.read_bytes()[: size // 2], "zeroed": bytes(size),
                          "garbage": np.random.default_rng(0).bytes(size)}[how])


def test_gate_5_the_kernel_cache(tmp_path: Path) -> None:
    """Eight first runs at once on an empty cache; then every file of it cut, zeroed and filled with garbage: exit 0,
    the right numbers, no traceback, and the run after needs no compiler."""
    cache = tmp_path / "cache"
    env = {**os.environ, "POOLCLI_CACHE_DIR": str(cache)}
    np.save(tmp_path / "x.npy", GREY)
    runs = [subprocess.Popen([*POOLCLI, "max", "x.npy", "-o", f"{i}.npy", "-q"], cwd=tmp_path, env=env,
                             stderr=subprocess.PIPE) for i in range(8)]
    assert [(run.communicate(timeout=120)[1], run.returncode) for run in runs] == [(b"", 0)] * 8
    assert {(tmp_path / f"{i}.npy").read_bytes() for i in range(8)} == {(tmp_path / "0.npy").read_bytes()}
    assert np.load(tmp_path / "0.npy").tolist() == [[7, 9, 11], [19, 21, 23]]
    for how in ("cut", "zeroed", "garbage"):
        spoilt(cache, how)
        done = subprocess.run([*POOLCLI, "max", "x.npy", "-o", "again.npy", "-q", "--overwrite"], cwd=tmp_path, env=env,
                              capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), how
        assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "0.npy").read_bytes()
    code = "import sys\nfrom poolcli.cli.main import run\ncode = run()\nsys.exit(code or 'numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, "max", "x.npy", "-o", "last.npy", "-q"], cwd=tmp_path, env=env,
                   check=True)


# Names and terminals.


ODD = {b"a\nb.npy": "a\\nb.npy", b"[red]x[].npy": "[red]x[].npy", b"e\x1b[31m.npy": "e\\x1b[31m.npy",
       b"\xff\xfe.npy": "\\udcff\\udcfe.npy", "é.npy".encode(): "é.npy", b":smile: .npy": ":smile: .npy"}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of names that hurt, and one bad file among them."""
    (tmp_path / "in").mkdir()
    for name in ODD:
        np.save(tmp_path / "in" / os.fsdecode(name), GREY)
    (tmp_path / "in" / os.fsdecode(b"bad\n\xff.npy")).write_bytes(b"no array")
    return tmp_path


def test_rows_47_and_70_odd_names_in_the_c_locale(odd: Path, process: Process) -> None:
    """Every name is written, told, and no byte of the report is beyond ASCII or a control character."""
    done = process("max", "in", "-o", "out/", cwd=odd, env={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert done.returncode == 3
    assert sorted(map(os.fsencode, names(odd / "out"))) == sorted(ODD)
    for text in (done.stdout, done.stderr):
        assert text.isascii() and not any(byte < 32 and byte != 10 for byte in text)
    for shown in ODD.values():
        assert shown.replace("é", "\\udcc3\\udca9").encode() in done.stdout
    assert b"in/bad\\n\\udcff.npy: not an image" in done.stderr


def test_rows_47_and_70_odd_names_on_a_dumb_terminal_of_20_columns(odd: Path) -> None:
    """No escape code, no animation, nothing lost, whatever line it stands on."""
    code, printed = on_terminal(odd, "max", "in", "-o", "out/", TERM="dumb", COLUMNS="20")
    assert (code, "\x1b" in printed) == (3, False)
    joined = "".join(printed.split())
    for shown in ODD.values():
        assert f"in/{shown}->out/{shown}".replace(" ", "") in joined
    assert "7files:6done,1failed" in joined


def test_a_bar_on_a_terminal_and_nowhere_else(tmp_path: Path, process: Process) -> None:
    """How many of how many; gone in the end. In a pipe, a dumb terminal or with --quiet nothing moves."""
    arrays(tmp_path / "in", 600, 4)  # they take a second or more, the bar comes after 0.3
    arguments = ["max", "in", "-o", "out/", "--overwrite"]
    bar = re.compile(r"\d/600\b")
    _, printed = on_terminal(tmp_path, *arguments, COLUMNS="80")
    drawn = [match.end() for match in bar.finditer(printed)]
    assert len(drawn) > 1 and "\x1b[2K" in printed[drawn[-1]:printed.index("600 files: 600 done")]
    plain = on_terminal(tmp_path, *arguments, "--color=never", COLUMNS="80")[1]
    assert bar.search(plain) and not re.search(r"\x1b\[[0-9;]*3[0-9]", plain)
    assert not bar.search(on_terminal(tmp_path, *arguments, TERM="dumb", COLUMNS="80")[1])
    assert not bar.search(on_terminal(tmp_path, *arguments, "-q", COLUMNS="80")[1])
    assert not bar.search(process(*arguments, cwd=tmp_path).stderr.decode())
