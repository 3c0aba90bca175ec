"""URLs in and out: S3 as moto's server has it, a web server, and a store in memory; all on this machine.

The program runs as a process where a network is asked, as users run it.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import io
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, names

from poolcli import optional_deps, redact
from poolcli.files.paths import urls

needs_cloud = pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in ("s3fs", "fsspec", "aiohttp")),
                                 reason='needs s3fs: pip install "poolcli[cloud]"')
needs_moto = pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in ("moto", "flask", "s3fs")),
                                reason='needs moto: pip install ".[test-all]"')
SERVER = """
import logging, sys
from pathlib import Path
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
for bucket in ("samples", "many"):
    backend.create_bucket(bucket, "us-east-1")
for path in Path(sys.argv[1]).iterdir():
    for folder in ("in", "in/deep"):
        backend.put_object("samples", f"{folder}/{path.name}", path.read_bytes())
tiny = Path(sys.argv[1], "sequence.npy").read_bytes()
for i in range(3_000):
    backend.put_object("many", f"in/{i:05}.npy", tiny)
    if i % 500:
        backend.put_object("many", f"out/{i:05}.npy", b"old")
backend.put_object("many", "odd/../../evil.npy", tiny)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
SECRET = "verysecret"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """The environment in which S3 is a server here: samples, and 3,000 tiny arrays of which all but six are done."""
    command = [sys.executable, "-c", SERVER, str(SAMPLES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield {**os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "somebody",
               "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
               "POOLCLI_LAYOUT": "HWC NHWC NDHWC"}
        server.kill()


def run(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program."""
    done = subprocess.run([sys.executable, "-m", "poolcli", *arguments], cwd=folder, env=env, capture_output=True,
                          text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
    assert SECRET not in done.stdout + done.stderr
    return done


def objects(env: dict[str, str], prefix: str) -> dict[str, bytes]:
    """What the store has below a prefix; asked in a process of its own, for warnings there are none of ours."""
    script = ("import fsspec, pickle, sys; fs = fsspec.filesystem('s3'); p = sys.argv[1]\n"
              "found = {key[len(p):]: fs.cat_file(key) for key in fs.find(p)}\n"
              "sys.stdout.buffer.write(pickle.dumps(found))")
    done = subprocess.run([sys.executable, "-c", script, prefix], env=env, capture_output=True, check=True)
    found: dict[str, bytes] = pickle.loads(done.stdout)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The same of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# S3.


@needs_moto
@pytest.mark.parametrize("how", [[], ["--scheduler", "local", "--jobs", "2"]])
def test_a_bucket_gives_what_a_folder_gives(tmp_path: Path, store: dict[str, str], how: list[str]) -> None:
    """Names, bytes, types and reports, from a cluster's workers too. A second run finds all done, a third is
    refused."""
    wanted = ["--recursive", "--include", "*.png", "--include", "*.npy", "--exclude", "deep/n*", "--json"]
    (tmp_path / "in/deep").mkdir(parents=True)
    for path in SAMPLES.iterdir():
        for folder in ("in", "in/deep"):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    there = f"samples/out{len(how)}/"
    here = run(tmp_path, store, "max", "-k", "2", "in/", "-o", "out/", *wanted)
    away = run(tmp_path, store, "max", "-k", "2", "s3://samples/in", "-o", f"s3://{there}", *wanted, *how)
    assert (here.returncode, away.returncode) == (0, 0), away.stderr
    assert contents(tmp_path / "out") == objects(store, there)
    reports = [{file["output"].partition("out/" if done is here else there)[2]: (file["output_stats"], file["windows"])
                for file in json.loads(done.stdout)["files"]} for done in (here, away)]
    assert reports[0] == reports[1]
    if how:
        return
    again = ["max", "-k", "2", "s3://samples/in/", "-o", f"s3://{there}", *wanted]
    skipped = run(tmp_path, store, *again, "--skip-existing")
    assert {file["status"] for file in json.loads(skipped.stdout)["files"]} == {"skipped"}
    refused = run(tmp_path, store, *again)
    assert refused.returncode == 1 and "image.png exists; --overwrite or --skip-existing would work" in refused.stderr


@needs_moto
def test_thousands_of_objects(tmp_path: Path, store: dict[str, str]) -> None:
    """Listed in pages; what is done already is seen in pages too, and only the rest is read."""
    plan = run(tmp_path, store, "max", "s3://many/in/", "-o", "s3://many/other/", "--dry-run")
    lines = plan.stdout.splitlines()
    assert len(lines) == 3_000 and lines[2_999] == "s3://many/in/02999.npy -> s3://many/other/02999.npy"
    done = run(tmp_path, store, "max", "s3://many/in/", "-o", "s3://many/out/", "--skip-existing", "--jobs", "2")
    assert done.returncode == 0
    assert "3,000 files: 6 done, 2,994 skipped" in done.stdout


@needs_moto
def test_patterns(tmp_path: Path, store: dict[str, str]) -> None:
    """As a shell would have them; one that nothing fits is an input that is not there."""
    done = run(tmp_path, store, "max", "s3://many/in/0000[13].npy", "s3://many/in/02??7.npy", "s3://many/nothing*.npy",
               "-o", "out/{stem}{ext}", "--csv", "--fail-fast", "--dry-run")
    assert [line.split(",")[0] for line in done.stdout.splitlines()[1:4]] == [
        "s3://many/in/00001.npy", "s3://many/in/00003.npy", "s3://many/in/02007.npy"]
    assert done.returncode == 3 and done.stderr == "poolcli: s3://many/nothing*.npy: no object fits the pattern\n"
    assert len(done.stdout.splitlines()) == 1 + 2 + 100 + 1


@needs_moto
def test_a_key_that_would_lead_out_of_the_folder(tmp_path: Path, store: dict[str, str]) -> None:
    """Is passed over with a note: nothing is written outside of the output."""
    done = run(tmp_path, store, "max", "s3://many/odd/", "-r", "-o", "deep/out/")
    assert done.returncode == 4 and "is none that a file can have" in done.stderr
    assert contents(tmp_path) == {}


@needs_moto
def test_what_is_not_there(tmp_path: Path, store: dict[str, str]) -> None:
    """One line each: the object, the bucket, the endpoint, the credentials."""
    dead = {**store, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    nobody = {name: value for name, value in store.items() if not name.startswith("AWS_") or "ENDPOINT" in name}
    nobody |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    for env, name, reason in (
            (store, "s3://samples/none.png", "cannot be read: there is no such object or bucket"),
            (store, "s3://nowhere/in/", "cannot be listed: there is no such object or bucket"),
            (dead, "s3://samples/in/image.png", "cannot be read: Could not connect to the endpoint URL: "),
            (nobody, "s3://samples/in/image.png", "cannot be read: Unable to locate credentials")):
        done = run(tmp_path, env, "max", name, "-o", "out/", "-q")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith(f"poolcli: {name}: {reason}")


class Faulty(BaseHTTPRequestHandler):
    """A proxy before the store: each n-th request is reset or met with 503; parts of uploads may take their time."""

    protocol_version = "HTTP/1.1"  # which answers "Expect: 100-continue"
    target, every, slow = "", 0, 0.0
    count = itertools.count(1)
    parts = threading.Event()

    def handle_any(self) -> None:
        """Pass a request on, or fail it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = next(self.count)
        if self.every and number % self.every == 0:
            self.close_connection = True
            if number % (2 * self.every):
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
            return
        if "partNumber=" in self.path:
            self.parts.set()
            time.sleep(self.slow)
        connection = http.client.HTTPConnection(self.target)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "server", "date"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data)
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def proxied(env: dict[str, str], every: int = 0, slow: float = 0) -> Iterator[tuple[dict[str, str], type[Faulty]]]:
    """The environment of a store behind a proxy, and the proxy."""
    made = type("Made", (Faulty,), {"target": env["AWS_ENDPOINT_URL"].removeprefix("http://"), "every": every,
                                    "slow": slow, "count": itertools.count(1), "parts": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {**env, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}, made
        finally:
            server.shutdown()
            thread.join()


@needs_moto
def test_a_store_that_fails_every_third_request_is_asked_again(tmp_path: Path, store: dict[str, str]) -> None:
    """Resets and 503s in turn: all is read and written as without them."""
    with proxied(store, every=3) as (env, proxy):
        done = run(tmp_path, env, "max", "-k", "2", "s3://samples/in/*.png", "-o", "s3://samples/faulty/", "-q")
        assert (done.returncode, done.stderr) == (0, "") and next(proxy.count) > 20
    plain = run(tmp_path, store, "max", "-k", "2", "s3://samples/in/*.png", "-o", "s3://samples/plain/", "-q")
    assert plain.returncode == 0
    assert objects(store, "samples/faulty/") == objects(store, "samples/plain/") != {}


@needs_moto
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_upload_that_is_cut_short_by_a_signal_is_aborted(tmp_path: Path, store: dict[str, str],
                                                            number: signal.Signals) -> None:
    """No object, and no parts that somebody pays for."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 255, (40 << 20,), np.uint8))
    code = ("from poolcli.files.remote import fsspec_io\nfsspec_io._PART = 6 << 20\n"
            "from poolcli.cli.main import start\nstart()")
    with proxied(store, slow=2) as (env, proxy):
        command = [sys.executable, "-c", code, "max", "-k", "1", "a.npy", "-o", "s3://samples/cut/a.npy", "-q"]
        with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as going:
            assert proxy.parts.wait(60)
            time.sleep(0.5)
            going.send_signal(number)
            said = going.communicate(timeout=60)[1]
        assert going.returncode == (130 if number == signal.SIGINT else -number)
        assert said == ("poolcli: interrupted\n" if number == signal.SIGINT else "")
        time.sleep(2.5)  # till a part that was on its way has come
    script = ("import fsspec; fs = fsspec.filesystem('s3')\n"
              "print(fs.call_s3('list_multipart_uploads', Bucket='samples')"
              ".get('Uploads', []), fs.exists('samples/cut/a.npy'))")
    left = subprocess.run([sys.executable, "-c", script], env=store, capture_output=True, text=True, check=True)
    assert left.stdout == "[] False\n"


# The web.


class Pages(BaseHTTPRequestHandler):
    """A picture, one that breaks off, and nothing else; the query is no matter."""

    def do_HEAD(self) -> None:
        """The head of the same."""
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        """Send it."""
        data = (SAMPLES / "noisy.png").read_bytes()
        name = self.path.partition("?")[0]
        if name == "/busy.png" and next(self.server.busy) % 3:  # type: ignore[attr-defined]
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        name = name.replace("busy", "fine")
        self.send_response(200 if name in ("/fine.png", "/cut.png") else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data if name == "/fine.png" else data[:1000])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@needs_moto
def test_chunked_arrays_in_a_store(tmp_path: Path, store: dict[str, str]) -> None:
    """Out, in again, and a pyramid; to the byte what folders give. An array that is there stays."""
    pytest.importorskip("zarr", reason='needs zarr: pip install "poolcli[zarr]"')
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8))
    for place in ("s3://samples/zarr/", ""):
        for words in (["max", "x.npy", "-k", "3", "-s", "2", "-o", f"{place}y.zarr"],
                      ["median", f"{place}y.zarr", "-k", "2", "-o", f"{'far' if place else 'near'}.npy"],
                      ["pyramid", f"{place}y.zarr", "--layout", "HW", "--levels", "2", "-o", f"{place}p.zarr"],
                      ["avg", f"{place}p.zarr", "--key", "2", "-o", f"{'far' if place else 'near'}_level.npy"]):
            done = run(tmp_path, store, *words, "-q")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for name in ("", "_level"):
        assert (tmp_path / f"far{name}.npy").read_bytes() == (tmp_path / f"near{name}.npy").read_bytes()
    again = run(tmp_path, store, "max", "x.npy", "-o", "s3://samples/zarr/y.zarr", "-q")
    assert again.returncode == 1 and "exists; --overwrite or --skip-existing would work" in again.stderr


@pytest.fixture
def web() -> Iterator[str]:
    """Where the pages are."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.busy = itertools.count(1)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@needs_cloud
def test_the_web_and_no_secret_is_told(tmp_path: Path, web: str) -> None:
    """A signed URL is read, its name is the output's; what breaks off or is not there is one line; user, password and
    query are in no report, error or traceback."""
    secrets = ("hidden", "deadbeef")
    links = [f"http://me:hidden@{web}/{name}.png?X-Amz-Signature=deadbeef" for name in ("fine", "cut", "none")]
    for form in ("--json", "--debug", "--csv", "-v", "--dry-run"):
        done = run(tmp_path, dict(os.environ), "max", "-k", "2", *links, "-o", f"out{form}/", form)
        assert not any(word in done.stdout + done.stderr for word in secrets)
        assert f"http://***@{web}/cut.png?***" in done.stdout + done.stderr
        if form == "--json":
            files = json.loads(done.stdout)["files"]
            assert [file["status"] for file in files] == ["ok", "failed", "failed"]
            assert "cannot be read: " in files[1]["error"] and "\n" not in files[1]["error"]
            assert files[2]["error"] == "cannot be read: there is no such object or bucket"
            assert names(tmp_path / "out--json") == ["fine.png"]


@needs_cloud
def test_a_busy_web_server_is_asked_again(tmp_path: Path, web: str) -> None:
    """Two answers of three are 503."""
    done = run(tmp_path, dict(os.environ), "max", "-k", "2", f"http://{web}/busy.png", "-o", "out/", "-q")
    assert (done.returncode, done.stderr, names(tmp_path / "out")) == (0, "", ["busy.png"])


@needs_cloud
def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """Says so, and not that there is no such object."""
    done = run(tmp_path, dict(os.environ), "max", "http://127.0.0.1:9/a.png", "-o", "out/", "-q")
    assert done.returncode == 1 and "Cannot connect to host 127.0.0.1:9" in done.stderr


# Any store.


def npy(*shape: int) -> bytes:
    """An array as .npy."""
    data = io.BytesIO()
    np.save(data, np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    return data.getvalue()


def test_a_store_without_pages(here: Call, memory: Any, tmp_path: Path) -> None:
    """Folder by folder; results beside their inputs are no inputs of the next run."""
    for name in ("a.npy", "sub/b.npy", "sub/c.txt"):
        memory.pipe_file(f"/in/{name}", npy(4, 4))
    assert here("max", "memory://in/", "-r", "-o", "memory://out/", "-q") == (0, "", "")
    assert sorted(memory.find("/out")) == ["/out/a.npy", "/out/sub/b.npy"]
    done = here("max", "memory://in/*.npy", "-o", "memory://in/{stem}_{reducer}{ext}", "-q")
    assert done == (0, "", "") and memory.exists("/in/a_max.npy")
    again = here("max", "memory://in/", "-o", "memory://in/{stem}_{reducer}{ext}", "--dry-run")
    assert again == (1, "", "poolcli: memory://in/a.npy: memory://in/a_max.npy exists; --overwrite or --skip-existing "
                            "would work\n")
    assert here("max", "memory://in/a.npy", "-o", "memory://in/a.npy").code == 2
    assert here("max", "memory://in/a.npy", "--in-place", "-q") == (0, "", "")
    assert np.load(io.BytesIO(memory.cat_file("/in/a.npy"))).tolist() == [[5, 7], [13, 15]]


def test_an_object_appears_whole_or_not_at_all(memory: Any) -> None:
    """And never replaces another that came meanwhile, but for one of the same bytes."""
    from poolcli.errors import PoolError
    from poolcli.files.remote import fsspec_io

    with pytest.raises(KeyboardInterrupt), fsspec_io.create_object("memory://out/a", overwrite=False) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert not memory.exists("/out/a")
    for _ in range(2):
        with fsspec_io.create_object("memory://out/a", overwrite=False) as stream:
            stream.write(b"whole")
    with pytest.raises(PoolError, match=r"^exists"), fsspec_io.create_object("memory://out/a",
                                                                             overwrite=False) as stream:
        stream.write(b"other")
    assert memory.cat_file("/out/a") == b"whole"
    with fsspec_io.create_object("memory://out/a", overwrite=True) as stream:
        stream.write(b"other")
    assert memory.cat_file("/out/a") == b"other"


def test_file_urls_are_paths(here: Call, tmp_path: Path) -> None:
    """In and out, through our own writer."""
    (tmp_path / "in put").mkdir()
    (tmp_path / "in put/a.npy").write_bytes(npy(4, 4))
    source = f"file://{tmp_path}/in%20put/a.npy"
    assert here("max", source, "-o", f"file://{tmp_path}/out/b.npy", "--csv").out.splitlines()[1].startswith(
        f"{tmp_path}/in put/a.npy,{tmp_path}/out/b.npy,ok")
    assert np.load(tmp_path / "out/b.npy").tolist() == [[5, 7], [13, 15]]


def test_file_urls_are_patterns(here: Call, tmp_path: Path) -> None:
    """As paths and other URLs; what a URL escapes is a sign of the name, and a pattern without a file stays a name."""
    for name in ("a b.npy", "a*b.npy", "b.npy"):
        (tmp_path / name).write_bytes(npy(4, 4))

    def inputs(pattern: str) -> list[str]:
        lines = here("max", f"file://{tmp_path}/{pattern}", "-o", f"{tmp_path}/out/", "--csv", "--overwrite").out
        return [line.split(",")[0].removeprefix(f"{tmp_path}/") for line in lines.splitlines()[1:]]

    assert inputs("*.npy") == ["a b.npy", "a*b.npy", "b.npy"]
    assert inputs("a%20?.npy") == ["a b.npy"]
    assert inputs("?%2Ab.npy") == inputs("a%2ab.npy") == ["a*b.npy"]
    assert inputs("b%2A.npy") == ["b*.npy"]
    assert inputs("c*%20.npy") == ["c* .npy"]


@pytest.mark.parametrize(("words", "message"), [
    (["http://host/a.png"], "--output: is needed, for nothing can be written beside http://host/a.png"),
    (["file://host/a.png", "-o", "out/"], "INPUT: file://host/a.png names a machine; "),
    (["a.npy", "-o", "http://host/a.npy"], "--output: http://host/a.npy is on the web, which takes no files; "),
    (["s3://bucket/a.npy", "--stream", "-o", "a.npy"], "--stream: takes pipes and files of this machine, no URL"),
    (["a.npy", "-o", "s3://bucket/a.zarr", "--scheduler", "tcp://head:8786"],
     "--scheduler: writes chunks into a folder of this machine before s3://bucket/a.zarr is uploaded, "),
    (["s3://bucket/in/", "-o", "s3://bucket/out.npy"], "--output: s3://bucket/out.npy takes one result, "),
])
@needs_cloud
def test_what_cannot_be(here: Call, words: list[str], message: str) -> None:
    """One line, exit 2, and nobody is asked."""
    done = here("max", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"poolcli: {message}")


@pytest.mark.parametrize(("name", "library"), [("s3://bucket/a.png", "fsspec"), ("https://host/a.png", "fsspec")])
def test_the_extra_is_named(here: Call, monkeypatch: pytest.MonkeyPatch, name: str, library: str) -> None:
    """Where fsspec is not installed; exit 2."""
    monkeypatch.setattr(optional_deps, "find_spec", lambda _: None)
    assert here("max", name, "-o", "out/") == (
        2, "", f'poolcli: INPUT: {name} needs {library}, which is not installed; pip install "poolcli[cloud]" would '
               "work\n")


@pytest.mark.parametrize(("given", "shown"), [
    ("http://h/a.png", "http://h/a.png"), ("s3://b/a?c*.png", "s3://b/a?c*.png"), ("in/a@b?c=d.png", "in/a@b?c=d.png"),
    ("https://u:p@h/a.png?X-Amz-Signature=1&b=2", "https://***@h/a.png?***"),
    ("'s3://k:s@b/x' and http://h?t=1", "'s3://***@b/x' and http://h?***"),
])
def test_secrets_of_urls_are_stars(given: str, shown: str) -> None:
    """Whatever is printed goes through this; names that are no URLs stay."""
    assert redact.redact_secrets(given) == shown == redact.printable(given)


def test_names_of_urls() -> None:
    """The query of what lies on the web is no part of a name; a key may have any sign."""
    assert urls.strip_query("https://h/a.png?b=c#d") == "https://h/a.png"
    assert urls.strip_query("s3://b/a#1.png") == "s3://b/a#1.png"
    assert urls.find_protocol("C:/a.png") is None and urls.find_protocol("./s3://a") is None
    assert urls.Url("s3://b/c/a.png").parent == "s3://b/c"
