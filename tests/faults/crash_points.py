#!/usr/bin/env python3
"""Cut the power after every system call of a run: python tests/faults/crash_points.py [--kills 0] [SCENARIO ...]

strace records what a run does to its files (Linux, Debian's package strace). Then every state is built that a journaled
file system may hold after a crash, and checked. For each moment between two calls:

* names are changed (created, renamed, removed) in the order of the calls, and the crash may have lost any number of
  the last changes: no folder is synchronised, so nothing says that a rename has reached the disk;
* what was written and then synchronised is there; what was not is there, or cut in half, or zeros, or missing.

In each state every output must be the whole old file, the whole new one, or absent where there was none. From a
sample of the states the next run must put everything right: what a crash left over is gone, and outputs are whole.
--kills ends so many runs by SIGKILL at random moments after the imports and checks the same.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from every_call import (
    SCENARIOS,
    TEMPORARY,
    Reference,
    Scenario,
    Server,
    contents,
    environment,
    take_reference,
    write_picture,
)

TRACED = "openat,open,creat,write,pwrite64,writev,fsync,fdatasync,/^rename,/^link,/^unlink,ftruncate,/^mkdir,close"
CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
DAMAGE = ("whole", "half", "zeros", "empty")
"""What may be left of data that was not synchronised."""
AGAIN = 40
"""States of a scenario from which the next run is tried."""


class Change(NamedTuple):
    """One call that changes what is on the disk."""

    kind: str
    """create, write, sync, rename, link, unlink, mkdir or truncate."""
    path: str
    other: str = ""
    data: bytes = b""
    offset: int = 0


@dataclass
class File:
    """A file on the disk: what was written, and what is sure to be there."""

    data: bytes = b""
    synchronised: bytes | None = None


def write_new_batch(folder: Path) -> None:
    """Write five pictures, and no older results."""
    for i in range(5):
        write_picture(folder, f"in/{i}.png", i)


def write_in_place(folder: Path) -> None:
    """Write three pictures that are replaced by their results."""
    for i in range(3):
        write_picture(folder, f"in/{i}.png", i)


RUNS = {
    "overwrite": SCENARIOS["batch"],
    "fresh": Scenario(("max", "-k", "2", "in", "-o", "out/", "--skip-existing", "-j", "2"), write_new_batch, ("out",)),
    "indices": replace(SCENARIOS["indices"], arguments=(*SCENARIOS["indices"].arguments, "--skip-existing")),
    "in-place": Scenario(("max", "-k", "2", "in", "--in-place", "-j", "1"), write_in_place, ("in",)),
}
"""Runs whose crashes are replayed. The next run of the last one pools what was pooled before, so it is not tried."""
NOT_AGAIN = {"in-place"}


def text(word: str) -> str:
    """A string of strace's as it was."""
    return HEX.sub(lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "surrogateescape"), word)


def data(word: str) -> bytes:
    """The bytes of a string of strace's."""
    return b"".join(bytes.fromhex(part.replace("\\x", "")) for part in HEX.findall(word))


def parse_log(log: str, folder: Path) -> Iterator[Change]:
    """The changes below a folder that a log of strace's tells of, in order."""
    positions: dict[str, int] = {}
    top = f"{folder}/"
    for line in join_interrupted(log):
        found = CALL.match(line)
        if not found or int(found[3]) < 0:
            continue
        name, words, result = found[1], found[2], int(found[3])
        paths = [path for path in (text(word) for word in re.findall(r'[<"]((?:\\x[0-9a-f]{2})+)[>"]', words))
                 if path.startswith(top)]
        if not paths:
            continue
        path = paths[0]
        if name in ("openat", "open", "creat"):
            if "O_CREAT" in words or name == "creat":
                positions[path] = 0
                yield Change("create", path)
        elif name in ("write", "writev"):
            at = positions.get(path, 0)
            written = b"".join(data(part) for part in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', words))[:result]
            positions[path] = at + len(written)
            yield Change("write", path, data=written, offset=at)
        elif name == "pwrite64":
            written = data(re.findall(r'"((?:\\x[0-9a-f]{2})*)"', words)[0])[:result]
            yield Change("write", path, data=written, offset=int(words.rsplit(", ", 1)[1]))
        elif name in ("fsync", "fdatasync"):
            yield Change("sync", path)
        elif name.startswith(("rename", "link")):
            yield Change("rename" if name.startswith("rename") else "link", path, paths[1])
        elif name.startswith("unlink"):
            yield Change("unlink", path)
        elif name.startswith("mkdir"):
            yield Change("mkdir", path)
        elif name == "ftruncate":
            yield Change("truncate", path, offset=int(words.rsplit(", ", 1)[1]))


def join_interrupted(log: str) -> Iterator[str]:
    """The lines of a log, with calls that other threads interrupt in one piece, where they end."""
    begun: dict[str, str] = {}
    for line in log.splitlines():
        thread = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>").rstrip()
        elif resumed := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line):
            yield begun.pop(thread, "") + resumed[1]
        else:
            yield line


def record(scenario: Scenario, folder: Path, cache: Path) -> list[Change]:
    """Run a scenario under strace, and give its changes."""
    log = folder.parent / "changes.strace"
    command = ["strace", "-f", "-y", "-xx", "-s", str(1 << 24), "-o", str(log), f"--trace={TRACED}",
               sys.executable, "-m", "poolcli", *scenario.arguments]
    with Path(folder, scenario.stdin or "/dev/null").open("rb") as stdin:
        subprocess.run(command, cwd=folder, stdin=stdin, env=environment(cache), check=True, capture_output=True)
    return list(parse_log(log.read_text(), folder.resolve()))


def replay(changes: Sequence[Change], names_lost: int, damage: str, old: dict[str, bytes]) -> dict[str, bytes]:
    """What the disk holds after these changes, the last so many changes of names being lost: path -> content."""
    files = {path: File(content, content) for path, content in old.items()}
    names = [i for i, change in enumerate(changes) if change.kind in ("create", "rename", "link", "unlink")]
    lost = set(names[len(names) - names_lost :])
    seen = dict(files)  # by the names that the program sees; ``files`` are those that the disk has
    for i, change in enumerate(changes):
        step(seen, change)
        if i not in lost:
            step_names(files, change, seen)
    return {path: left_of(file, damage) for path, file in files.items()}


def step(files: dict[str, File], change: Change) -> None:
    """Do a change as the program sees it."""
    if change.kind == "create":
        files.setdefault(change.path, File())
    elif change.kind == "write":
        file = files[change.path]
        before = file.data[: change.offset].ljust(change.offset, b"\0")
        file.data = before + change.data + file.data[change.offset + len(change.data) :]
    elif change.kind == "truncate":
        file = files[change.path]
        file.data = file.data[: change.offset].ljust(change.offset, b"\0")
    elif change.kind == "sync" and change.path in files:
        files[change.path].synchronised = files[change.path].data
    elif change.kind == "rename":
        files[change.other] = files.pop(change.path)
    elif change.kind == "link":
        files[change.other] = files[change.path]
    elif change.kind == "unlink":
        files.pop(change.path, None)


def step_names(files: dict[str, File], change: Change, seen: dict[str, File]) -> None:
    """Do a change of names on the disk, where the files are those that the program sees."""
    if change.kind == "create" and change.path in seen:
        files.setdefault(change.path, seen[change.path])
    elif change.kind == "rename":
        files[change.other] = seen[change.other]
        files.pop(change.path, None)
    elif change.kind == "link":
        files[change.other] = seen[change.other]
    elif change.kind == "unlink":
        files.pop(change.path, None)


def left_of(file: File, damage: str) -> bytes:
    """What a crash leaves of a file's content."""
    if file.data == file.synchronised or damage == "whole":
        return file.data
    if damage == "zeros":
        return bytes(len(file.data))
    return file.data[: len(file.data) // 2] if damage == "half" else b""


def states(changes: Sequence[Change], old: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Every state that a crash may leave."""
    for count in range(len(changes) + 1):
        done = changes[:count]
        renamed = sum(change.kind in ("create", "rename", "link", "unlink") for change in done)
        for lost in range(renamed + 1):
            for damage in DAMAGE:
                yield replay(done, lost, damage, old)


def faults_of(state: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes]) -> Iterator[str]:
    """Name each output that is neither the old file nor the new one."""
    for path in old.keys() | new.keys():
        content = state.get(path)
        if content not in (old.get(path), new.get(path)):
            yield f"{path}: {'missing' if content is None else f'{len(content)} bytes, neither old nor new'}"
    for path in state.keys() - old.keys() - new.keys():
        if not Path(path).name.startswith(TEMPORARY):
            yield f"{path}: should not be there"


def check_again(scenario: Scenario, server: Server, folder: Path, reference: Reference) -> Iterator[str]:
    """Run once more, and name what is not right then."""
    ended = server.run(scenario, folder, reference.cache)
    if ended.code:
        yield f"the next run ends with {ended.code}: {ended.stderr.strip()[-200:]}"
    elif contents(folder, scenario.outputs) != reference.files:
        yield "the next run's outputs are not right"
    left = [path.name for path in folder.rglob(f"{TEMPORARY}*")]
    if left:
        yield f"the next run leaves {left[0]}"


def check_crashes(reference: Reference, server: Server, top: Path, draw: random.Random) -> tuple[int, int, list[str]]:
    """Check every state of a run: how many there are, from how many the next run was tried, and what is wrong."""
    scenario, folder = RUNS[reference.name], top / reference.name
    folder.mkdir()
    scenario.inputs(folder)
    inside = folder.resolve()
    old = {str(inside / name): content for name, content in contents(folder, scenario.outputs).items()}
    new = {str(inside / name): content for name, content in reference.files.items()}
    changes = record(scenario, folder, reference.cache)
    assert any(change.kind in ("rename", "link") for change in changes), "strace saw no output"
    found, wrong = {}, []
    for state in states(changes, old):
        found.setdefault(tuple(sorted(state.items())), state)
    for state in found.values():
        wrong += faults_of(state, old, new)
    again = [] if reference.name in NOT_AGAIN else draw.sample(list(found.values()), min(AGAIN, len(found)))
    for state in again:
        shutil.rmtree(folder)
        folder.mkdir()
        scenario.inputs(folder)
        for path in old:
            Path(path).unlink()
        for name, content in state.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content)
        wrong += check_again(scenario, server, folder, reference)
    return len(found), len(again), wrong


def kill_once(reference: Reference, server: Server, top: Path, seconds: float) -> list[str]:
    """End a run by SIGKILL after some seconds; what is wrong then, and after the next run."""
    scenario, folder = RUNS[reference.name], top / "killed"
    folder.mkdir()
    try:
        scenario.inputs(folder)
        old = contents(folder, scenario.outputs)
        server.run(scenario, folder, reference.cache, seconds=seconds)
        wrong = list(faults_of(contents(folder, scenario.outputs), old, reference.files))
        return wrong + ([] if reference.name in NOT_AGAIN else list(check_again(scenario, server, folder, reference)))
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--kills", type=int, default=0, help="runs of each scenario that are killed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.scenario) - RUNS.keys():
        parser.error(f"no scenario {unknown.pop()!r}; there are {', '.join(RUNS)}")
    draw, broken = random.Random(options.seed), 0
    print("| run | states after a crash | next runs tried | runs killed | wrong |\n| --- | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory(prefix="crash-points-") as top:
        for name in options.scenario or RUNS:
            reference = take_reference(name, RUNS[name], Path(top))
            server = Server(Path(top), reference.modules)
            folder = make_folder(RUNS[name], Path(top, f"{name}-timed"))
            start = time.monotonic()
            server.run(RUNS[name], folder, reference.cache)
            seconds = time.monotonic() - start
            count, again, wrong = check_crashes(reference, server, Path(top), draw)
            for _ in range(options.kills):
                wrong += kill_once(reference, server, Path(top), draw.uniform(0, seconds))
            server.close()
            print(f"| {name} | {count} | {again} | {options.kills} | {len(wrong)} |", flush=True)
            print("".join(f"{name}: {fault}\n" for fault in dict.fromkeys(wrong)), end="", file=sys.stderr)
            broken += len(wrong)
    return 1 if broken else 0


def make_folder(scenario: Scenario, folder: Path) -> Path:
    """A folder with a scenario's inputs."""
    folder.mkdir()
    scenario.inputs(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
