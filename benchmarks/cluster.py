"""``python -m benchmarks.cluster``: what a file costs on Dask workers and in an object store, beside a local run.

Scheduler, workers and store (moto's server) are processes on this machine. A run's start is no matter: the cost of a
file is the slope between a small folder and a large one. Beside the time stands what each process computes for a file:
that is what decides how many files a scheduler can give away, and hardly changes when the machine has other work.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

Processes = Sequence[tuple[str, "subprocess.Popen[bytes]"]]
Costs = Mapping[str, float]
PHOTOGRAPHS, TINY, OBJECTS = (4, 28), (50, 550), (20, 120)
"""Files of the small folder and of the large one."""
STORE = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def spent(folder: Path, source: str, words: Sequence[str], env: dict[str, str] | None, others: Processes) -> Costs:
    """Seconds that a run takes, and that it and other processes compute."""
    before = computed(others)
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "poolcli", "avg", "-k", "2", "-q", "--overwrite", source, *words], cwd=folder,
                   check=True, env=env)
    took = time.perf_counter() - begun
    return {"time": took, **{name: now - before[name] for name, now in computed(others).items()}}


def computed(others: Processes) -> Costs:
    """Seconds that processes have computed till now, by their names; ours are those that have ended."""
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {"poolcli": ours.ru_utime + ours.ru_stime}
    for name, process in others:
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        found[name] = found.get(name, 0.0) + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return found


def each(folder: Path, counts: tuple[int, int], words: Sequence[str], env: dict[str, str] | None, where: str,
         others: Processes) -> str:
    """Milliseconds a file, of the clock and of each process."""
    few, many = (spent(folder, f"{where}in{count}", ["-o", f"{where}out{count}/", *words], env, others)
                 for count in counts)
    cost = {name: (many[name] - few[name]) / (counts[1] - counts[0]) * 1e3 for name in many}
    took = cost.pop("time")
    return f"{took:.3g} ms | {1e3 / took:.3g} | " + ", ".join(f"{name} {one:.2g}" for name, one in cost.items())


@contextmanager
def background(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as it is needed."""
    with subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def cluster(folder: Path, workers: int, env: dict[str, str] | None = None) -> Iterator[tuple[list[str], Processes]]:
    """A scheduler and workers of one thread each: the words that name it, and its processes."""
    file = folder / f"scheduler{workers}.json"
    near = ("--host", "127.0.0.1", "--no-dashboard")
    with ExitStack() as stack:
        command = background("-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0",
                             "--dashboard-address", "127.0.0.1:0", *near, env=env)
        processes = [("scheduler", stack.enter_context(command))]
        for _ in range(workers):
            command = background("-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
                                 "--no-nanny", *near, env=env)
            processes.append(("workers", stack.enter_context(command)))
        while not file.exists():
            time.sleep(0.1)
        time.sleep(2)
        yield ["--scheduler", str(file)], processes


def ways(folder: Path, counts: tuple[int, int], env: dict[str, str] | None = None, where: str = "",
         local: tuple[int, ...] = (1, 2), others: Processes = ()) -> Iterator[str]:
    """A row for each way to do them."""
    for jobs in local:
        yield f"--jobs {jobs} | {each(folder, counts, ['--jobs', str(jobs)], env, where, others)}"
    for workers in (1, 2):
        with cluster(folder, workers, env) as (words, processes):
            yield f"{workers} Dask workers | {each(folder, counts, words, env, where, [*processes, *others])}"


def photographs(folder: Path) -> Iterator[str]:
    """Photographs of 12 MP, JPEG to JPEG."""
    from PIL import Image, ImageFilter

    noise = np.random.default_rng(0).integers(0, 256, (375, 500, 3), np.uint8)
    smooth = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).resize((4000, 3000))
    smooth.save(folder / "one.jpg", quality=90)
    for count in PHOTOGRAPHS:
        (folder / f"in{count}").mkdir()
        for i in range(count):
            os.link(folder / "one.jpg", folder / f"in{count}/{i}.jpg")
    yield from ways(folder, PHOTOGRAPHS)


def tasks(folder: Path) -> Iterator[str]:
    """Arrays of 32 x 32: what is left is the cost of a task."""
    for count in TINY:
        (folder / f"in{count}").mkdir()
        for i in range(count):
            np.save(folder / f"in{count}/{i:04}.npy", np.zeros((32, 32), np.uint8))
    yield from ways(folder, TINY)


def store(folder: Path) -> Iterator[str]:
    """The same in S3: two requests to read, one to write."""
    import fsspec

    with background("-c", STORE) as server:
        assert server.stdout is not None
        env = {**os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(server.stdout.readline())}",
               "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        os.environ.update(env)
        system = fsspec.filesystem("s3")
        system.mkdir("bench")
        np.save(folder / "one.npy", np.zeros((32, 32), np.uint8))
        data = (folder / "one.npy").read_bytes()
        for count in OBJECTS:
            system.pipe({f"bench/in{count}/{i:04}.npy": data for i in range(count)})
        yield from ways(folder, OBJECTS, env, "s3://bench/", local=(1, 8), others=[("store", server)])


GROUPS = {"photographs": photographs, "tasks": tasks, "store": store}


def main() -> None:
    """Run the groups that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="photographs, tasks, store")
    for name in parser.parse_args().groups or GROUPS:
        print(f"\n{GROUPS[name].__doc__}\n")
        print("| how | a file | files a second | computing, ms |\n| --- | ---: | ---: | --- |", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for row in GROUPS[name](Path(folder)):
                print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
