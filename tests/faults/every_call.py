#!/usr/bin/env python3
"""Let every system call of a run on its own files fail once.

    python tests/faults/every_call.py [--share 0.1] [--seed 0] [--minutes 9] [SCENARIO ...]

strace injects one failure into one call of a run (Linux, Debian's package strace): the first ``openat`` of each thread
gives EIO, in the next run the second, and so on for as many as a run without a failure has. What the interpreter and
the libraries do for themselves is left out, for its messages are not ours: a process imports every module that the run
needs, forks for each failure, and strace is attached to the child just before the command line is run; of the calls
that remain those are left out that name a file of Python, of its packages, or of the system. After each run this must
hold:

* it ended within the time limit, by an exit code that the README lists, and not by a signal;
* standard error has no traceback, and no error that nobody foresaw; where the exit code is not 0 it says why;
* each output is the whole old file, the whole new one, or absent where there was none; with exit code 0 it is new;
* no temporary file is left, unless the removal itself was what failed;
* where anything went wrong, the next run without a failure gives the right bytes.

Prints a Markdown table of outcomes by scenario and call, and each line that breaks a rule; the exit code is 1 if there
is one. --share takes a seeded part, and --minutes as many failures as that time gives, in a seeded order; the table
says of how many.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
TEMPORARY = ".poolcli-"
TIME_LIMIT = 120.0
EXIT_CODES = {0, 1, 2, 3, 4}
"""Those of the README that a failing call may lead to; 130 and 141 need a signal or a reader that leaves."""

SERVER = """
import importlib, json, os, signal, sys, time
from poolcli.cli.main import start
asked, answers, modules = os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w"), sys.argv[3]
for name in json.loads(open(modules).read()) if modules else ():
    try:
        importlib.import_module(name)
    except Exception:
        pass  # a name that is in sys.modules without being a module's
for line in asked:
    one = json.loads(line)
    gate, opener = os.pipe()
    ready, waits = os.pipe()
    if not (child := os.fork()):
        os.dup2(gate, 1000)
        os.dup2(waits, 1001)
        for k, name in enumerate((one["stdin"], one["stdout"], one["stderr"])):
            os.dup2(os.open(name, os.O_RDWR if k else os.O_RDONLY), k)
        os.chdir(one["folder"])
        os.environ["POOLCLI_CACHE_DIR"] = one["cache"]
        sys.argv[:] = ["poolcli", *one["arguments"]]
        os.closerange(3, 1000)
        prepare = compile(one["prepare"], "<prepare>", "exec")
        os.write(1001, b"x")
        os.close(1001)
        os.read(1000, 1)  # strace is attached meanwhile
        break
    os.close(gate)
    os.close(waits)
    os.read(ready, 1)
    os.close(ready)
    print(child, file=answers, flush=True)
    asked.readline()
    os.write(opener, b"x")
    os.close(opener)
    for seconds, kill in ((one["seconds"], one["kill"]), (one["limit"], signal.SIGKILL)):
        end = time.monotonic() + seconds
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < end:
            time.sleep(min(0.002, seconds / 100))
        if ended[0]:
            break
        os.kill(child, kill)
    if not ended[0]:
        os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(ended[1]) if ended[0] else "too long", file=answers, flush=True)
else:
    os._exit(0)
if one["modules"]:
    import atexit
    atexit.register(lambda: open(one["modules"], "w").write(json.dumps(list(sys.modules))))
exec(prepare)
start()
"""
"""Runs command lines one after another, each in a fork of a process that has imported what they need."""
FOREIGN = re.compile(r"read\(1000<|close\(\d+<socket:")
"""Calls without a file that are not the run's own: that in which a child waits, and those of asyncio on its own
sockets."""

FAILURES: dict[str, tuple[str, ...]] = {
    "openat": ("error=EIO", "error=EMFILE", "error=EACCES", "error=ENOMEM", "error=ESTALE", "error=EINTR"),
    "read": ("error=EIO", "error=EINTR", "error=ESTALE", "retval=0", "retval=1"),
    "pread64": ("error=EIO", "error=EINTR"),
    "write": ("error=EIO", "error=ENOSPC", "error=EINTR", "retval=1"),
    "pwrite64": ("error=EIO", "error=ENOSPC", "error=EINTR"),
    "fsync": ("error=EIO", "error=ENOSPC", "error=EINTR"),
    "fdatasync": ("error=EIO", "error=ENOSPC"),
    "/^rename.*": ("error=EIO", "error=ENOSPC", "error=EACCES"),
    "/^link.*": ("error=EIO", "error=EACCES"),
    "/^unlink.*": ("error=EIO", "error=EACCES"),
    "/^mkdir.*": ("error=EIO", "error=ENOSPC", "error=EACCES"),
    "/^(new)?fstat(at)?": ("error=EIO", "error=ENOMEM", "error=ESTALE"),
    "flock": ("error=EIO", "error=EINTR", "error=ENOLCK"),
    "mmap": ("error=ENOMEM",),
    "close": ("error=EIO", "error=EINTR"),
    "getdents64": ("error=EIO", "error=ESTALE"),
    "/^clone.*": ("error=ENOMEM", "error=EAGAIN"),
}
"""System calls, and how each is made to fail. ``retval`` is a short read or write: the kernel did nothing, and the
program is told that this many bytes went through."""

LIBRARIES = tuple({sys.prefix, sys.base_prefix, str(ROOT), "/usr", "/lib", "/etc",
                   *(str(Path(path).resolve()) for path in sys.path if path and path != str(ROOT / "tests/faults"))})
"""Where files are that are not the run's own."""
PATH_CALLS = re.compile(r"^\d+ +(openat|\w*stat\w*|rename\w*|link\w*|unlink\w*|mkdir\w*)\(")
"""Calls with paths among their arguments; texts in those of others are what is read and written."""
REPEATED = 20
"""Of equal calls in a row, LLVM's 35,000 for memory of 16 KB, so many fail."""

LIES = {"retval=0", "retval=1"}
"""Failures after which an output may be wrong and exit code 0 right: the kernel said that bytes were read or written
which were not. Such runs must end in order, but their files are not compared."""


@dataclass(frozen=True)
class Scenario:
    """A command line whose calls fail.

    Attributes
    ----------
    arguments
        Words after ``poolcli``.
    inputs
        Writes the inputs, and old outputs where there are any, into a folder.
    outputs
        Names of the files, or of folders of files, that the run writes.
    stdin
        A file of the folder that is standard input.
    stdout
        Whether standard output is data, compared as an output is.
    empty_cache
        Whether the run starts without a kernel.
    """

    arguments: tuple[str, ...]
    inputs: Callable[[Path], None]
    outputs: tuple[str, ...]
    stdin: str | None = None
    stdout: bool = False
    empty_cache: bool = False


def write_picture(folder: Path, name: str = "in.png", seed: int = 0) -> None:
    """Write a small grey picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 36), dtype=np.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(folder / name)


def write_batch(folder: Path) -> None:
    """Write five pictures, and five older results in their outputs' places."""
    for i in range(5):
        write_picture(folder, f"in/{i}.png", i)
        write_picture(folder, f"out/{i}.png", 10 + i)


def write_array(folder: Path) -> None:
    """Write a map of float32 as in.npy."""
    np.save(folder / "in.npy", np.random.default_rng(1).normal(size=(2, 24, 36)).astype(np.float32))


def write_zarr(folder: Path) -> None:
    """Write a chunked array of bytes as in.zarr."""
    import zarr

    noise = np.random.default_rng(2).integers(0, 256, (40, 60), dtype=np.uint8)
    zarr.create_array(str(folder / "in.zarr"), data=noise, chunks=(16, 16))


SCENARIOS = {
    "picture": Scenario(("max", "-k", "2", "in.png", "-o", "out.png"), write_picture, ("out.png",)),
    "batch": Scenario(("max", "-k", "2", "in", "-o", "out/", "--overwrite", "-j", "2"), write_batch, ("out",)),
    "stream": Scenario(("max", "-k", "2", "--layout", "CHW", "-", "-o", "-"), write_array, (), "in.npy", True),
    "indices": Scenario(("max", "-k", "2", "--layout", "CHW", "in.npy", "-o", "out.npy", "--indices", "at.npy"),
                        write_array, ("out.npy", "at.npy")),
    "zarr": Scenario(("max", "-k", "2", "in.zarr", "-o", "out.zarr"), write_zarr, ("out.zarr",)),
    "first": Scenario(("max", "-k", "2", "in.png", "-o", "out.png"), write_picture, ("out.png",), empty_cache=True),
}


class Ended(NamedTuple):
    """How a run ended. ``code`` is None beyond the time limit, ``calls`` is what strace wrote."""

    code: int | None
    stdout: bytes
    stderr: str
    calls: list[str]


class Reference(NamedTuple):
    """What a run without a failure does: its kernels, the modules it imports, standard output and files."""

    name: str
    cache: Path
    modules: Path
    stdout: bytes
    files: dict[str, bytes]


class Rule(NamedTuple):
    """A rule that a run broke, and the run."""

    scenario: str
    call: str
    number: int
    failure: str
    what: str


@dataclass
class Tally:
    """What was found: outcomes by scenario and call, the rules broken, and how many failures there are."""

    outcomes: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    broken: list[Rule] = field(default_factory=list)
    there_are: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def contents(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the files with these names, and all files below the folders with these names."""
    found = {}
    for name in names:
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.startswith(TEMPORARY):
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def environment(cache: Path) -> dict[str, str]:
    """Return an ordinary environment, with kernels in a folder of ours and NumPy on one thread."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(cache.parent), "LANG": "C.UTF-8", "POOLCLI_CACHE_DIR": str(cache),
            "POOLCLI_COMPILE": "always", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0"}


class Server:
    """A process that has imported modules and forks for each run.

    Attributes
    ----------
    top
        A folder for its streams and logs.
    modules
        A file with the names of the modules, None for none.
    preload
        A library that is loaded before all others.
    """

    def __init__(self, top: Path, modules: Path | None, preload: Path | None = None) -> None:
        self.top = Path(tempfile.mkdtemp(dir=top))
        asked, self._ask = os.pipe()
        self._answer, answers = os.pipe()
        loaded_first = {"LD_PRELOAD": str(preload)} if preload else {}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(asked), str(answers), str(modules or "")], stdin=subprocess.DEVNULL,
            env={**environment(top / "kernels"), **loaded_first}, pass_fds=[asked, answers], cwd=self.top)
        os.close(asked)
        os.close(answers)
        self._answers = os.fdopen(self._answer)

    def _tell(self, line: str) -> str:
        os.write(self._ask, f"{line}\n".encode())
        return self._answers.readline().strip()

    def run(self, scenario: Scenario, folder: Path, cache: Path, inject: str | None = None,
            modules: Path | None = None, prepare: str = "", seconds: float = TIME_LIMIT,
            kill: int = signal.SIGKILL) -> Ended:
        """Run a scenario's command in a folder; after so many seconds it is killed, or gets another signal.

        ``inject`` is strace's word for what fails, None for nothing; a word without a failure only traces. ``modules``
        is a file to write the names of all imported modules to, ``prepare`` is Python that is run just before.
        """
        streams = {"stdin": str(folder / scenario.stdin) if scenario.stdin else os.devnull}
        for name in ("stdout", "stderr"):
            streams[name] = str(self.top / name)
            Path(streams[name]).write_bytes(b"")
        child = self._tell(json.dumps({**streams, "folder": str(folder), "cache": str(cache), "seconds": seconds,
                                       "kill": int(kill), "limit": TIME_LIMIT if kill != signal.SIGKILL else 0.0,
                                       "arguments": scenario.arguments, "prepare": prepare,
                                       "modules": str(modules) if modules else None}))
        log, tracer = self.top / "strace", None
        if inject:
            call, fails = inject.split(":")[0], [f"--inject={inject}"] if ":" in inject else []
            tracer = subprocess.Popen(["strace", "-f", "-y", "-o", str(log), "-p", child, f"--trace={call}", *fails],
                                      stderr=subprocess.PIPE, text=True)
            assert tracer.stderr is not None
            if "attached" not in (line := tracer.stderr.readline()):
                raise SystemExit(f"strace: {line.strip()}")
        code = self._tell("go")
        calls: list[str] = []
        if tracer:
            tracer.communicate(timeout=TIME_LIMIT)
            calls = log.read_text(errors="replace").splitlines()
        return Ended(None if code == "too long" else int(code), Path(streams["stdout"]).read_bytes(),
                     Path(streams["stderr"]).read_text(errors="replace"), calls)

    def close(self) -> None:
        """End the process."""
        os.close(self._ask)
        self._process.wait(TIME_LIMIT)
        self._answers.close()


def is_own(line: str) -> bool:
    """Whether a line of strace is a call on the run's own files, not on those of Python, packages or the system."""
    line = re.sub(r"AT_FDCWD<[^>]*>", "AT_FDCWD", line)
    paths = re.findall(r"\b\d+<(/[^>]*)>", line)
    if PATH_CALLS.search(line):
        paths += re.findall(r'"(/[^"]*)"', line)
    return not FOREIGN.search(line) and not any(path.startswith(LIBRARIES) for path in paths)


def broken_rules(scenario: Scenario, call: str, failure: str, ended: Ended, old: dict[str, bytes],
                 reference: Reference, found: dict[str, bytes], left: Sequence[str]) -> Iterator[str]:
    """Name what a run should not have done, from the files before it, after it, and the temporary ones left."""
    if ended.code is None:
        yield f"ran for more than {TIME_LIMIT:g} s"
        return
    if ended.code not in EXIT_CODES:
        yield f"exit code {ended.code}"
    if "Traceback" in ended.stderr:
        yield f"a traceback: {ended.stderr.strip().splitlines()[-1]}"
    if ended.code and not re.search(r"^poolcli: ", ended.stderr, re.MULTILINE) and call != "write":
        yield f"exit code {ended.code} without a reason: {ended.stderr[-200:]!r}"
    if "unexpected" in ended.stderr:
        yield f"not foreseen: {ended.stderr.strip().splitlines()[-1]}"
    if failure not in LIES:
        for name in sorted(old.keys() | reference.files.keys() | found.keys()):
            right = {reference.files.get(name)} if ended.code == 0 else {old.get(name), reference.files.get(name)}
            if found.get(name) not in right and not (ended.code and ".zarr/" in name):  # a store is whole or incomplete
                yield f"{name} is {'missing' if name not in found else 'damaged'}"
        if scenario.stdout and ended.code == 0 and ended.stdout != reference.stdout:
            yield "standard output is not the result"
    if left and not call.startswith("/^unlink.*"):
        yield f"left behind: {left[0]}"


def take_reference(name: str, scenario: Scenario, top: Path, more: Sequence[str] = ()) -> Reference:
    """Run a scenario without a failure, which compiles its kernels; ``more`` modules are imported with its own."""
    modules = top / f"{name}.json"
    server = Server(top, None)
    for number in range(2):  # the first run compiles; the modules of the second are those of a run that need not
        folder = top / f"{name}-reference"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        scenario.inputs(folder)
        cache = top / f"kernels-{number}" if scenario.empty_cache else top / "kernels"
        ended = server.run(scenario, folder, cache, modules=modules)
        assert ended.code == 0, ended
    server.close()
    modules.write_text(json.dumps([*json.loads(modules.read_text()), *more]))
    return Reference(name, top / "kernels", modules, ended.stdout, contents(folder, scenario.outputs))


def take_once(reference: Reference, server: Server, call: str, number: int, failure: str, tally: Tally) -> None:
    """Run a scenario with one failing call and check the rules; nothing where no call of the run's own failed."""
    scenario = SCENARIOS[reference.name]
    with tempfile.TemporaryDirectory(prefix="every-call-") as top:
        folder = Path(top, "work")
        folder.mkdir()
        scenario.inputs(folder)
        old = contents(folder, scenario.outputs)
        kernels = Path(top, "kernels") if scenario.empty_cache else reference.cache
        ended = server.run(scenario, folder, kernels, f"{call}:{failure}:when={number}")
        failed = [line for line in ended.calls if "(INJECTED)" in line]
        if not failed or not all(is_own(line) for line in failed):  # the order of threads is not the counted run's
            return
        left = [path.name for path in folder.rglob(f"{TEMPORARY}*")]
        found = contents(folder, scenario.outputs)
        what = list(broken_rules(scenario, call, failure, ended, old, reference, found, left))
        if ended.code or what or scenario.empty_cache:
            shutil.rmtree(folder)
            folder.mkdir()
            scenario.inputs(folder)
            again = server.run(scenario, folder, kernels)
            same = again.stdout == reference.stdout or not scenario.stdout
            if again.code or not same or contents(folder, scenario.outputs) != reference.files:
                what.append(f"the next run is not right: exit code {again.code}, {again.stderr[-200:]!r}")
    with tally.lock:
        tally.outcomes.setdefault((reference.name, call), Counter())["broken" if what else f"exit {ended.code}"] += 1
        tally.broken += [Rule(reference.name, call, number, failure, f"{rule} [{failed[0][:160]}]") for rule in what]


def list_calls(reference: Reference, top: Path, calls: Sequence[str]) -> dict[str, list[int]]:
    """Number the calls of a run that are on its own files, by kind; strace counts for each thread from 1 on."""
    scenario, folder = SCENARIOS[reference.name], top / f"count-{reference.name}"
    folder.mkdir()
    scenario.inputs(folder)
    server = Server(top, reference.modules)
    ended = server.run(scenario, folder, top / "no-kernels" if scenario.empty_cache else reference.cache,
                       ",".join(calls))
    server.close()
    numbers: dict[str, set[int]] = {call: set() for call in calls}
    threads: Counter[tuple[str, str]] = Counter()
    last, row = "", 0
    for line in ended.calls:
        if not (found := re.match(r"(\d+) +(\w+)\(", line)):
            continue
        thread, called = found.groups()
        same = re.sub(r"\b0x\w+|<unfinished.*", "", line)
        last, row = same, row + 1 if same == last else 0
        for call in calls:
            if re.match(f"{call[1:]}$" if call[0] == "/" else f"{call}$", called):
                threads[call, thread] += 1
                if is_own(line) and row < REPEATED:
                    numbers[call].add(threads[call, thread])
    return {call: sorted(numbers[call]) for call in calls}


def take_all(names: Sequence[str], calls: Sequence[str], share: float, seed: int, jobs: int, minutes: float) -> Tally:
    """Let each call of each scenario fail, or a seeded share of them, for as long as there is time."""
    tally, chance = Tally(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="every-call-") as top, ThreadPoolExecutor(jobs) as threads:
        references = [take_reference(name, SCENARIOS[name], Path(top)) for name in names]
        every = [(reference, call, number, failure) for reference in references
                 for call, numbers in list_calls(reference, Path(top), calls).items()
                 for number in numbers for failure in FAILURES[call]]
        tally.there_are = Counter((reference.name, call) for reference, call, _, _ in every)
        chosen = chance.sample(every, math.ceil(share * len(every)))
        end = time.monotonic() + 60 * minutes
        own, servers = threading.local(), []

        def take(one: tuple[Reference, str, int, str]) -> None:
            if time.monotonic() > end:
                return
            reference = one[0]
            kept = own.__dict__.setdefault("servers", {})
            if reference.name not in kept:
                kept[reference.name] = Server(Path(top), reference.modules)
                servers.append(kept[reference.name])
            take_once(reference, kept[reference.name], *one[1:], tally)

        list(threads.map(take, chosen))
        for server in servers:
            server.close()
    return tally


def table(tally: Tally) -> Iterator[str]:
    """Return the lines of a Markdown table: runs by scenario, call and outcome."""
    kinds = sorted({kind for counts in tally.outcomes.values() for kind in counts})
    yield f"| run | call | failures | of | {' | '.join(kinds)} |"
    yield "| --- | --- | --: | --: |" + " --: |" * len(kinds)
    for (name, call), counts in sorted(tally.outcomes.items()):
        yield (f"| {name} | {call.strip('/^.*')} | {sum(counts.values())} | {tally.there_are[name, call]} | "
               f"{' | '.join(str(counts[kind] or '') for kind in kinds)} |")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(SCENARIOS))
    parser.add_argument("--call", action="append", choices=list(FAILURES), help="only this system call; repeatable")
    parser.add_argument("--share", type=float, default=1.0, help="of the calls that fail, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no further call fails")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if unknown := set(options.scenario) - SCENARIOS.keys():
        parser.error(f"no scenario {unknown.pop()!r}; there are {', '.join(SCENARIOS)}")
    tally = take_all(options.scenario or list(SCENARIOS), options.call or list(FAILURES), options.share, options.seed,
                     options.jobs, options.minutes)
    print("\n".join(table(tally)))
    for rule in tally.broken:
        print(f"{rule.scenario}: {rule.call.strip('/^.*')} {rule.number} {rule.failure}: {rule.what}", file=sys.stderr)
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
