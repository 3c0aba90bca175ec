"""Names of outputs, what must not collide, what a folder holds, and writing whole or not at all.

Named after the rows of the project's catalogue of faults.
"""

# ruff: noqa: PTH102, PTH106, PTH116, PTH123, PTH208
# Descriptors, links and the very calls of os are what is tested here.
from __future__ import annotations

import errno
import io
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli import files
from poolcli.errors import PoolError
from poolcli.files import ImageInfo, atomic
from poolcli.files.paths import collisions
from poolcli.files.paths.collisions import check_targets
from poolcli.files.paths.output_paths import is_folder, is_pattern, name_output
from poolcli.files.paths.scan import find_own_results, scan
from poolcli.redact import printable

SOURCE = ImageInfo("x", "NPY")


# Names


@pytest.mark.parametrize(
    ("source", "output", "want"),
    [
        ("photos/a.png", None, "photos/a_max.png"),
        ("a.tar.npy", None, "a.tar_max.npy"),
        ("a{b}.png", None, "a{b}_max.png"),
        ("a.png", "b.npy", "b.npy"),
        ("d/a.png", "new/", "new/a.png"),
        ("d/a.png", "{stem}-{reducer}.npy", "a-max.npy"),
        ("d/a.png", "{parent}/out/{stem}{ext}", "d/out/a.png"),
        ("a.png", "{parent}/{stem}2{ext}", "a2.png"),
        ("d/a.png", "{reducer}/", "max/a.png"),
        ("a.png", "{other}{stem}", "{other}a"),
        ("-", "out/", "out/stdin"),
        ("-x.png", None, "-x_max.png"),
    ],
)
def test_output_names(source: str, output: str | None, want: str) -> None:
    """Beside the input, into a folder, by a pattern, or as given."""
    assert name_output(source, output, "max") == Path(want)


def test_standard_output_has_no_path() -> None:
    """-o - is a stream."""
    assert name_output("a.png", "-", "max") is None


def test_an_existing_folder_needs_no_slash(tmp_path: Path) -> None:
    """As cp has it."""
    assert name_output("d/a.png", str(tmp_path), "max") == tmp_path / "a.png"
    assert is_folder(str(tmp_path)) and not is_folder(str(tmp_path / "no")) and is_folder("no/")


def test_the_path_below_the_root_is_kept(tmp_path: Path) -> None:
    """Two files of one name in two folders do not collide."""
    names = [name_output(tmp_path / sub / "a.png", "out/", "max", root=tmp_path) for sub in ("x", "y")]
    assert names == [Path("out/x/a.png"), Path("out/y/a.png")]


@pytest.mark.parametrize("stem", ["a{b}", "{stem}", "{0}", "{ext!r}", "{parent}", "%s", "$HOME", "a}{"])
def test_braces_in_a_stem_are_no_fields(stem: str) -> None:
    """Replaced once and by hand."""
    assert name_output(f"{stem}.png", "{stem}_{reducer}{ext}", "max") == Path(f"{stem}_max.png")


def test_patterns_are_known_by_their_fields() -> None:
    """Several inputs may share a pattern, and may not share a file."""
    assert is_pattern("{stem}.png") and is_pattern("x/{parent}/y")
    assert not is_pattern("a.png") and not is_pattern("{steam}.png") and not is_pattern("{}")


# Collisions


def pairs(*names: tuple[Any, Any]) -> list[tuple[str, str]]:
    """Return planned work."""
    return [(os.fspath(source), os.fspath(output)) for source, output in names]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("o/a.npy", "o/a.npy"),
        ("o/A.npy", "o/a.npy"),
        ("o/é.npy", unicodedata.normalize("NFD", "o/é.npy")),
        ("o/STRASSE.npy", "o/straße.npy"),
        ("o/../o/a.npy", "o/a.npy"),
    ],
)
def test_shared_outputs_are_listed(first: str, second: str) -> None:
    """a.png and a.jpg to a.npy, A and a, composed and decomposed: both inputs are named."""
    with pytest.raises(PoolError, match=r"a\.png and a\.jpg would both be written to "):
        check_targets(pairs(("a.png", first), ("a.jpg", second), ("b.png", "o/b.npy")))


def test_a_folder_with_two_names_is_one(tmp_path: Path) -> None:
    """A link to the output folder is the output folder."""
    (tmp_path / "o").mkdir()
    (tmp_path / "l").symlink_to("o")
    with pytest.raises(PoolError, match="would both be written"):
        check_targets(pairs(("a.png", tmp_path / "o/a.npy"), ("a.jpg", tmp_path / "l/a.npy")))


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    """One run tells everything."""
    (tmp_path / "x.npy").touch()
    work = pairs(("a", "o"), ("b", "o"), ("c", "p"), ("d", "P"), (tmp_path / "x.npy", tmp_path / "x.npy"))
    with pytest.raises(PoolError) as caught:
        check_targets(work)
    assert len(str(caught.value).splitlines()) == 3


def test_a_shared_output_is_called_as_the_first_input_has_it() -> None:
    """Two names of one output: the first is told."""
    with pytest.raises(PoolError, match=r"would both be written to o/A\.npy;"):
        check_targets(pairs(("a.png", "o/A.npy"), ("a.jpg", "o/a.npy")))


def test_a_path_that_ends_in_dots_is_resolved(tmp_path: Path) -> None:
    """The folder above and this one by any of their names."""
    for output in ("p/q/..", "p/.", "p/"):
        with pytest.raises(PoolError, match="would both be written"):
            check_targets(pairs(("a.png", tmp_path / "p"), ("b.png", f"{tmp_path}/{output}")))


@pytest.mark.parametrize("in_first", [True, False])
def test_inputs_are_found_among_many_outputs_of_two_folders(in_first: bool, tmp_path: Path) -> None:
    """Where so many go to a folder that it is listed: an input of the other folder is not looked for there."""
    for folder in "ab":
        (tmp_path / folder).mkdir()
    own = tmp_path / "ab"[not in_first] / "x"
    own.touch()
    work = [(tmp_path / "nowhere" / str(i), tmp_path / folder / str(i)) for folder in "ab" for i in range(150)]
    for place in (0, 120, 149, 150, 270, 299):
        with pytest.raises(PoolError, match=r"x is the output of .* and an input itself"):
            check_targets(pairs(*work[:place], (tmp_path / "other", own), *work[place:], (own, tmp_path / "c")))
    check_targets(pairs(*work))


def test_files_of_one_number_on_two_devices_are_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The device is part of what tells files apart."""
    for name in "ab":
        (tmp_path / name).touch()
    monkeypatch.setattr(collisions, "identify", lambda path: (1 if path.endswith("a") else 2, 7))
    check_targets(pairs((tmp_path / "a", tmp_path / "b")))


def test_different_outputs_pass() -> None:
    """Nothing to say."""
    check_targets(pairs(("a.png", "o/a.npy"), ("b.png", "o/b.npy"), ("a.png", "p/a.npy")))


def test_urls_are_compared_as_they_are() -> None:
    """Case counts in them, and one that is its own input is told without a look at the disk."""
    check_targets(pairs(("a", "s3://b/x.npy"), ("b", "s3://b/X.npy"), ("s3://b/y.npy", "s3://b/z.npy")))
    with pytest.raises(PoolError, match=r"a and b would both be written to s3://b/x\.npy"):
        check_targets(pairs(("a", "s3://b/x.npy"), ("b", "s3://b/x.npy")))
    with pytest.raises(PoolError, match=r"s3://b/x\.npy is its own input"):
        check_targets(pairs(("s3://b/x.npy", "s3://b/x.npy")))


def test_names_of_one_hash_are_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes say what is looked at; names say what is one."""
    monkeypatch.setattr(collisions, "hash", lambda text: 7, raising=False)
    check_targets(pairs(("a", "o/a"), ("b", "o/b"), ("c", "o/c")))
    with pytest.raises(PoolError, match=r"^a and c would both be written to o/a;[^\n]*$"):
        check_targets(pairs(("a", "o/a"), ("b", "o/b"), ("c", "o/A")))


def test_only_suspects_are_looked_at_again(tmp_path: Path) -> None:
    """Names that come once, and outputs that are not there, take no second walk."""
    (tmp_path / "there").touch()
    new = pairs(*((str(i), tmp_path / str(i)) for i in range(5)))
    assert collisions._find_suspects(new, False) == (set(), False)
    twice, there = collisions._find_suspects([*new, new[3]], False)
    assert (len(twice), there) == (1, False)
    own = pairs((tmp_path / "there", tmp_path / "there"))
    assert [collisions._find_suspects(own, in_place)[1] for in_place in (False, True)] == [True, False]


@pytest.mark.parametrize("folder", ["there", "missing"])
def test_a_folder_of_many_outputs_is_listed_once(folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """99 looks at single names, one at the folder, and none at the others; the same for the next folder."""
    looks: list[str] = []
    for module, name in ((os.path, "lexists"), (os, "listdir")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda path, name=name, real=real: (looks.append(name), real(path))[1])
    present = collisions._ExistingOutputs()
    for place in (tmp_path / "a", tmp_path / "b"):
        if folder == "there":
            place.mkdir()
            (place / "X120").touch()
        looks.clear()
        found = [i for i in range(250) if present(f"{place}/x{i}")]
        assert found == ([120] if folder == "there" else [])
        assert looks == ["lexists"] * 99 + ["listdir"]


def test_few_resolved_folders_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch may have a folder for each file."""
    monkeypatch.setattr(collisions, "_FOLDERS_KEPT", 3)
    key, held = collisions._Key(), []
    for i in (0, 1, 1, 2, 3, 4, 5, 6):
        key(f"/nowhere/{i}/x")
        held.append(len(key._folders))
    assert held == [1, 2, 2, 3, 1, 2, 3, 1]


@pytest.mark.parametrize("link", ["itself", "hard", "symbolic"])
def test_an_output_that_is_its_input(link: str, tmp_path: Path) -> None:
    """By any of its names, only --in-place."""
    one, other = tmp_path / "a.png", tmp_path / "b.png"
    one.touch()
    if link == "hard":
        other.hardlink_to(one)
    if link == "symbolic":
        other.symlink_to(one)
    work = pairs((one, one if link == "itself" else other))
    with pytest.raises(PoolError, match="is its own input; --in-place"):
        check_targets(work)
    check_targets(work, in_place=True)


def test_an_output_that_is_another_input(tmp_path: Path) -> None:
    """Not even --in-place: which of them is read first would decide the result."""
    for name in "ab":
        (tmp_path / name).touch()
    work = pairs((tmp_path / "a", tmp_path / "b"), (tmp_path / "b", tmp_path / "c"))
    for in_place in (False, True):
        with pytest.raises(PoolError, match=r"b is the output of .*a and an input itself"):
            check_targets(work, in_place=in_place)


def test_names_in_messages_are_escaped() -> None:
    """A message goes to a terminal."""
    with pytest.raises(PoolError) as caught:
        check_targets(pairs(("a\x1b[2J.png", "o"), ("b\n.png", "o")))
    assert "a\\x1b[2J.png" in str(caught.value) and "b\\n.png" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.png", "a.png"),
        ("[red]b[/red] :smile: 名é.png", "[red]b[/red] :smile: 名é.png"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\nb\r\tc\x7f\x9b", "a\\nb\\r\\tc\\x7f\\x9b"),
        ("x\u202egnp.exe", "x\\u202egnp.exe"),
        ("\u2028\u2066\u200f\u061c", "\\u2028\\u2066\\u200f\\u061c"),
        (os.fsdecode(b"\xff.png"), "\\udcff.png"),
    ],
)
def test_printable(name: str, shown: str) -> None:
    """Control, bidirectional and surrogate characters are escaped, all else is left."""
    assert printable(name) == shown
    assert printable(Path(name)) == shown
    shown.encode("utf-8")


# Folders


def make(folder: Path, *names: str) -> None:
    """Create empty files, with their folders."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path, **options: Any) -> list[str]:
    """Return what a scan yields, relative to the folder."""
    return [(Path(below) / name).relative_to(folder).as_posix() for below, names in scan(folder, **options)
            for name in names]


def test_only_known_endings_are_inputs(tmp_path: Path) -> None:
    """.DS_Store, text and thumbnails are passed over without a word."""
    make(tmp_path, "b.png", "a.JPG", "c.npy", "d.npz", "x.txt", ".DS_Store", "Thumbs.db", "png", "sub/e.png")
    notes: list[Any] = []
    assert found(tmp_path, note=lambda *args: notes.append(args)) == ["a.JPG", "b.png", "c.npy", "d.npz"]
    assert not notes


def test_recursive_goes_down_in_order(tmp_path: Path) -> None:
    """The files of a folder, sorted, then those of the folders below it, sorted."""
    make(tmp_path, "b.png", "s/2.png", "s/1.png", "a/z.png", "a/deep/q.png")
    assert found(tmp_path, recursive=True) == ["b.png", "a/z.png", "a/deep/q.png", "s/1.png", "s/2.png"]
    assert found(tmp_path) == ["b.png"]


def test_outputs_of_ours_are_no_inputs(tmp_path: Path) -> None:
    """x_max.png is one when x.png is there, and a picture of its own when it is not."""
    make(tmp_path, "x.png", "x_max.png", "x_max_avg.png", "y_max.png", "x_max.npy")
    assert found(tmp_path, reducers=("max", "avg")) == ["x.png", "x_max.npy", "y_max.png"]
    assert len(found(tmp_path)) == 5
    listed = ["./x.png", "x_max.png", "d/x_max.png", "y_max.png"]
    assert find_own_results(listed, ("max",)) == {"x_max.png"}


def test_the_output_folder_is_not_scanned(tmp_path: Path) -> None:
    """By any of its names."""
    make(tmp_path, "a.png", "out/a.png", "in/b.png")
    (tmp_path / "alias").symlink_to("out")
    assert found(tmp_path, recursive=True, skip=[tmp_path / "alias"]) == ["a.png", "in/b.png"]
    assert found(tmp_path, recursive=True, skip=[tmp_path / "missing"]) == ["a.png", "in/b.png", "out/a.png"]


def test_stale_temporaries_are_ignored(tmp_path: Path) -> None:
    """Whatever they end in; another run may be writing them."""
    make(tmp_path, ".poolcli-0123456789abcdef.tmp", ".poolcli-x.png", "a.png")
    assert found(tmp_path) == ["a.png"]


def test_links_fifos_and_sockets_are_passed_over(tmp_path: Path) -> None:
    """With a note each, without opening them: a FIFO would hang, a link loop would not end."""
    make(tmp_path, "a.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "dangling.png").symlink_to("nowhere")
    (tmp_path / "good.png").symlink_to("a.png")
    (tmp_path / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo.png")
    with socket.socket(socket.AF_UNIX) as server:
        os_path = os.path.relpath(tmp_path / "s.png")
        server.bind(os_path if len(os_path) < 100 else str(tmp_path / "s.png"))
        notes: dict[str, str] = {}
        names = found(tmp_path, recursive=True, note=lambda path, text: notes.update({Path(path).name: text}))
    assert names == ["a.png"]
    assert set(notes) == {"loop.png", "dangling.png", "good.png", "up", "fifo.png", "s.png"}
    assert "links are not followed" in notes["up"] and "neither a file nor a folder" in notes["fifo.png"]


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest goes on, and the caller is told; without anybody to tell it raises."""
    make(tmp_path, "a.png", "bad/b.png", "good/c.png")
    real = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "bad":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    failures: list[tuple[str, str]] = []
    names = found(tmp_path, recursive=True, failed=lambda path, error: failures.append((Path(path).name, str(error))))
    assert names == ["a.png", "good/c.png"]
    assert failures == [("bad", "cannot be read: Permission denied")]
    with pytest.raises(PoolError, match="cannot be read: Permission denied"):
        found(tmp_path, recursive=True)
    with pytest.raises(PoolError, match="No such file"):
        found(tmp_path / "missing")


def test_a_scan_is_a_stream(tmp_path: Path) -> None:
    """The first folder's files come before the second folder is looked at."""
    make(tmp_path, "a.png", "sub/b.png")
    stream = scan(tmp_path, recursive=True)
    assert next(stream) == (str(tmp_path), ["a.png"])
    (tmp_path / "sub" / "b.png").unlink()
    assert list(stream) == [(str(tmp_path / "sub"), [])]


def test_a_tree_deeper_than_pythons_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,500 levels, made and read with short relative paths where the system allows."""
    depth = 1_500
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    Path("a.png").touch()
    for _ in range(depth):
        os.chdir("..")
    assert sum(len(names) for _, names in scan(".", recursive=True)) == 1
    for _ in range(depth):
        os.chdir("d")
    Path("a.png").unlink()
    for _ in range(depth):  # shutil.rmtree would recurse
        os.chdir("..")
        os.rmdir("d")


# Writing


def put(path: Path, data: bytes = b"new", **options: Any) -> None:
    """Write through atomic()."""
    with atomic(path, **options) as stream:
        stream.write(data)


def leftovers(folder: Path) -> list[str]:
    """Return temporary files."""
    return [name for name in os.listdir(folder) if name.startswith(".poolcli-")]


def test_missing_folders_are_created(tmp_path: Path) -> None:
    """-o new/deep/x.npy."""
    put(tmp_path / "new/deep/x")
    assert (tmp_path / "new/deep/x").read_bytes() == b"new"
    assert not leftovers(tmp_path / "new/deep")


def test_an_existing_output_is_refused(tmp_path: Path) -> None:
    """Before anything is written; --overwrite replaces it."""
    (tmp_path / "x").write_bytes(b"old")
    message = "^exists; --overwrite or --skip-existing would work$"
    with pytest.raises(PoolError, match=message), atomic(tmp_path / "x"):
        pytest.fail("the work was begun")
    assert (tmp_path / "x").read_bytes() == b"old"
    put(tmp_path / "x", overwrite=True)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_meanwhile_is_not_lost(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program created it while ours was being written; also on a file system without hard links."""
    if not links:

        def refuse(*args: Any, **kw: Any) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(PoolError, match="exists"), atomic(tmp_path / "x") as stream:
        stream.write(b"ours")
        (tmp_path / "x").write_bytes(b"theirs")
    assert (tmp_path / "x").read_bytes() == b"theirs"
    assert not leftovers(tmp_path)
    put(tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == b"new"


def test_links_are_resolved_and_modes_kept(tmp_path: Path) -> None:
    """The file behind the link is replaced, with its mode bits; the link stays."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/real").write_bytes(b"old")
    (tmp_path / "d/real").chmod(0o640)
    if os.getuid() == 0:
        os.chown(tmp_path / "d/real", 1234, 4321)
    owner = (tmp_path / "d/real").stat()
    (tmp_path / "link").symlink_to("d/real")
    put(tmp_path / "link", overwrite=True)
    now = (tmp_path / "d/real").stat()
    assert (now.st_uid, now.st_gid) == (owner.st_uid, owner.st_gid)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "d/real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "d/real").stat().st_mode) == 0o640
    (tmp_path / "dangling").symlink_to("d/later")
    put(tmp_path / "dangling")
    assert (tmp_path / "d/later").read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_obeys_the_umask(umask: int, tmp_path: Path) -> None:
    """tempfile.mkstemp would give 0600."""
    before = os.umask(umask)
    try:
        put(tmp_path / "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


def test_devices_and_fifos_are_written_straight(tmp_path: Path) -> None:
    """/dev/null stays a device, a FIFO stays a FIFO and gets the bytes."""
    put(Path("/dev/null"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "fifo")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    put(tmp_path / "fifo")
    reader.join(20)
    assert got == [b"new"] and stat.S_ISFIFO(os.stat(tmp_path / "fifo").st_mode)


def test_dev_stdout_of_a_redirected_shell(tmp_path: Path) -> None:
    """`> file -o /dev/stdout`: renaming over the file would leave the shell's own one empty."""
    code = "from poolcli.files import atomic\nwith atomic('/dev/stdout') as stream: stream.write(b'data')"
    with open(tmp_path / "out", "wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"data"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """errno in words, the OSError as its cause, no name: the caller puts it in front."""
    make(tmp_path, "file")
    for path in (tmp_path / "file/x", tmp_path / ("n" * 300), "/proc/x/y"):
        with pytest.raises(PoolError, match=r"^cannot be written: ") as caught:
            put(Path(path))
        assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno
    with pytest.raises(PoolError, match=r"^is a folder; "):
        put(tmp_path)
    assert os.listdir(tmp_path) == ["file"]


def test_a_name_of_255_bytes(tmp_path: Path) -> None:
    """The temporary name does not grow with it."""
    put(tmp_path / ("é" * 126 + "abc"))
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "link"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_gate_3_a_fault_at_every_step(step: str, error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file is whole, no temporary file stays, and the errno is there."""
    overwrite = step != "link"
    if overwrite:
        (tmp_path / "x").write_bytes(b"old")

    def fail(*args: Any, **kw: Any) -> Any:
        raise OSError(error, os.strerror(error))

    if step in ("fsync", "replace", "link", "open"):
        monkeypatch.setattr(os, step, fail)
    with (
        pytest.raises(PoolError, match=os.strerror(error)) as caught,
        atomic(tmp_path / "x", overwrite=overwrite) as out,
    ):
        out.write(b"new")
        if step == "write":
            fail()
    monkeypatch.undo()
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == error
    assert os.listdir(tmp_path) == (["x"] if overwrite else [])
    assert not overwrite or (tmp_path / "x").read_bytes() == b"old"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, PoolError])
def test_an_interrupted_write_leaves_nothing(stop: type[BaseException], tmp_path: Path) -> None:
    """Ctrl-C, a terminating signal or a picture that cannot be encoded."""
    with pytest.raises(stop), atomic(tmp_path / "x") as stream:
        stream.write(b"half")
        raise stop
    assert not os.listdir(tmp_path)


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    """BrokenPipeError passes as it is, for the command line to make 141 of."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(BrokenPipeError), os.fdopen(write_end, "wb", 0) as stream:
        files.write(stream, np.ones(100_000), SOURCE)


def test_dev_full() -> None:
    """One line with the errno text."""
    with pytest.raises(PoolError, match="cannot be written: No space left on device") as caught:
        files.write("/dev/full", np.ones(100_000), SOURCE, "npy")
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    with open("/dev/full", "wb", 0) as stream, pytest.raises(PoolError, match="No space left on device"):
        files.write(stream, np.ones(10), SOURCE)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.png", "x.tif", "x.bmp", "x.jpg", "x.gif", "x.webp", "x.ppm"])
def test_gate_4_ulimit_f(name: str, tmp_path: Path) -> None:
    """A file size limit of 4 KB: an error with its errno, the old file whole, nothing left over."""
    (tmp_path / name).write_bytes(b"old")
    code = (
        "import resource, sys, numpy as np\nfrom poolcli import files\n"
        "sys.dont_write_bytecode = True  # under the limit a .pyc would be cut short, and stay so\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "array = np.random.default_rng(0).integers(0, 256, (90, 90), dtype='u1')\n"
        "array = array if 'gif' in sys.argv[1] else np.dstack((array, array, array))\n"
        "array[..., :2] //= 2\n"
        "try: files.write(sys.argv[1], array, files.ImageInfo('x', 'NPY'), overwrite=True)\n"
        "except ValueError as error: print(error, error.__cause__.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, name], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot be written: File too large {errno.EFBIG}\n"
    assert (tmp_path / name).read_bytes() == b"old" and os.listdir(tmp_path) == [name]


def test_gate_2_kill_9_leaves_old_or_new(tmp_path: Path) -> None:
    """At random moments of an overwriting loop; at most a stale temporary file stays, and a scan ignores it."""
    code = (
        "import sys, numpy as np\nfrom poolcli import files\nold = files.ImageInfo('x', 'NPY')\nprint(flush=True)\n"
        "while True:\n"
        "    for value in (1, 2):\n"
        "        files.write('x.npy', np.full((60, 60), value), old, overwrite=True)\n"
    )
    np.save(tmp_path / "x.npy", np.full((60, 60), 1))
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(random.uniform(0.01, 0.08))
            child.send_signal(signal.SIGKILL)
        array = files.read(tmp_path / "x.npy").array
        assert array.shape == (60, 60) and array.min() == array.max()
    assert found(tmp_path) == ["x.npy"]


def test_two_runs_on_one_output(tmp_path: Path) -> None:
    """Each writes its own temporary file; the last rename wins whole."""

    def work(value: int) -> None:
        for _ in range(20):
            files.write(tmp_path / "x.npy", np.full(5_000, value), SOURCE, overwrite=True)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    array = files.read(tmp_path / "x.npy").array
    assert array.size == 5_000 and array.min() == array.max()
    assert not leftovers(tmp_path)


def test_in_place_while_the_input_is_mapped(tmp_path: Path) -> None:
    """The mapping keeps the old file; it is replaced, not written into."""
    np.save(tmp_path / "x.npy", np.arange(10))
    loaded = files.read(tmp_path / "x.npy")
    files.write(tmp_path / "x.npy", loaded.array[::-1], loaded.source, overwrite=True)
    assert loaded.array.tolist() == list(range(10))
    assert files.read(tmp_path / "x.npy").array.tolist() == list(range(9, -1, -1))


def test_a_format_that_cannot_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    """No folder, no temporary file."""
    with pytest.raises(PoolError, match="PNG cannot hold float64"):
        files.write(tmp_path / "new/x.png", np.ones((3, 3)), SOURCE)
    assert not os.listdir(tmp_path)


def test_the_output_format_follows_the_ending_or_the_word(tmp_path: Path) -> None:
    """A path's ending says it; ``format`` says otherwise."""
    array = np.arange(12, dtype="u1").reshape(3, 4)
    files.write(tmp_path / "x.png", array, SOURCE)
    files.write(tmp_path / "y.dat", array, SOURCE, "png")
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.dat").read_bytes()
    with pytest.raises(PoolError, match="no known format"):
        files.write(tmp_path / "z.dat", array, SOURCE)
    stream = io.BytesIO()
    files.write(stream, array, SOURCE, files.FORMATS["PNG"])
    assert stream.getvalue() == (tmp_path / "x.png").read_bytes()
