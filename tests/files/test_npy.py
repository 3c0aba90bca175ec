"""The .npy and .npz reader believes nothing that a header says.

Named after the rows of the project's catalogue of faults: one row, one synthetic file.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from files.pictures import noise
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from poolcli import files
from poolcli.errors import PoolError
from poolcli.files import ImageInfo
from poolcli.files.arrays import npy as npy_files
from poolcli.files.arrays.npy import header_bytes, read_header, read_npy, read_npy_stream, write_npy
from poolcli.files.arrays.npz import read_npz, write_npz

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
TEXT = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"


class Pipe(io.RawIOBase):
    """A pipe: no seeking, no more than 7 bytes at a time, and it counts what was taken."""

    def __init__(self, data: bytes) -> None:
        self.data, self.taken = data, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give a few bytes."""
        assert size > 0, "an endless read"
        piece = self.data[self.taken : self.taken + min(size, 7)]
        self.taken += len(piece)
        return piece


def npy(text: str | bytes, data: bytes = b"", version: int = 1) -> bytes:
    """Return a .npy file with this header, whatever it says."""
    header = text if isinstance(text, bytes) else text.encode("utf-8" if version == 3 else "latin-1")
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def saved(array: Any) -> bytes:
    """Encode with NumPy itself."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def read(data: bytes) -> Any:
    """Read from memory."""
    return read_npy_stream(io.BytesIO(data))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("swap", [False, True])
def test_what_numpy_saves_is_read(dtype: str, order: Any, swap: bool, tmp_path: Path) -> None:
    """Every dtype, byte order and axis order, from a file (mapped) and from a pipe."""
    array = noise(dtype, (3, 4, 5)).copy(order)
    array = array.astype(array.dtype.newbyteorder()) if swap else array
    (tmp_path / "x.npy").write_bytes(saved(array))
    mapped, notes = read_npy(tmp_path / "x.npy")
    piped = read_npy_stream(Pipe(saved(array)))  # type: ignore[arg-type]
    assert notes == () and not mapped.flags.writeable
    for got in (mapped, piped):
        assert got.dtype == array.dtype and got.flags.f_contiguous == array.flags.f_contiguous
        assert np.array_equal(got, array)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_all_three_versions_are_read(version: int) -> None:
    """Version 2 has a longer length, version 3 has UTF-8."""
    assert read(npy(TEXT, np.arange(6.0).tobytes(), version)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_header_of_python_2_is_read() -> None:
    """Its integers are long."""
    assert read(npy(TEXT.replace("2, 3", "2L, 3L"), bytes(48))).shape == (2, 3)


def test_another_version_is_refused() -> None:
    """The format has three."""
    with pytest.raises(PoolError, match=r"version 4 of the \.npy format is unknown"):
        read(npy(TEXT, version=4))


def test_no_npy_at_all() -> None:
    """The first bytes decide."""
    with pytest.raises(PoolError, match=r"no \.npy file"):
        read(b"\x93NUMPZ" + bytes(20))


@pytest.mark.parametrize("length", range(6, 60, 9))
def test_a_header_that_ends_early(length: int) -> None:
    """Cut anywhere inside the header."""
    with pytest.raises(PoolError, match="ends inside its"):
        read(npy(TEXT)[:length])


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    """The pickle inside would create a file; NumPy's message advises to load it unsafely, ours does not."""

    class Bomb:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "boom",)

    stream = io.BytesIO()
    np.save(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    (tmp_path / "x.npy").write_bytes(stream.getvalue())
    with pytest.raises(PoolError, match=r"dtype object .* cannot be pooled") as caught:
        files.read(tmp_path / "x.npy")
    assert "pickle" not in str(caught.value)
    assert not (tmp_path / "boom").exists()


LIES = {
    "(1000000000000,)": "(claims|takes) 8,000,000,000,000 bytes",
    "(-1,)": "no tuple of whole numbers",
    "(True, 4)": "no tuple of whole numbers",
    "(2.0,)": "no tuple of whole numbers",
    "[2, 3]": "no tuple of whole numbers",
    "('2',)": "no tuple of whole numbers",
    "(4294967296, 4294967296)": "more than any machine holds",
    "(4294967296, 4294967296, 0)": "more than any machine holds",
    "(0, 9223372036854775808)": "more than any machine holds",
    "(" + "1," * 65 + ")": "65 axes",
    "()": "needs at least one axis",
}


@pytest.mark.parametrize("shape", LIES)
def test_shapes_that_lie(shape: str, tmp_path: Path) -> None:
    """Each fails before anything is allocated, from a file and from a pipe, and says what is wrong."""
    data = npy(TEXT.replace("(2, 3)", shape), bytes(48))
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(PoolError, match=LIES[shape]):
        files.read(tmp_path / "x.npy")
    with pytest.raises(PoolError, match=LIES[shape]):
        read(data)


def test_more_claimed_than_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """47 bytes of 48: a file says so before it is mapped, a pipe when it ends."""
    data = npy(TEXT, bytes(47))
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(PoolError, match="claims 48 bytes of data, 47 are there"):
        files.read("-", stdin=io.BytesIO(data))
    monkeypatch.setattr("poolcli.files.arrays.npy.fill", lambda *args: pytest.fail("the data was read first"))
    with pytest.raises(PoolError, match="claims 48 bytes of data, 47 are there"):
        files.read(tmp_path / "x.npy")


def test_memory_grows_with_what_arrives() -> None:
    """Half of this machine's memory claimed, 1,000 bytes sent: it fails in a process that may hold 2 GiB."""
    code = (
        "import resource, sys, os\n"
        "import numpy\n"
        "from poolcli import files\n"
        "from poolcli.core import memory_budget as memory\n"
        "memory.set_limit(1 << 62)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "try: files.read('-')\nexcept ValueError as error: print(error)\n"
    )
    claimed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // 8
    data = npy(TEXT.replace("(2, 3)", f"({claimed},)"), bytes(1_000))
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True, env=env)
    assert b"1,000 are there" in done.stdout


def test_more_than_the_memory_is_refused_at_once() -> None:
    """An endless pipe would never show that the header lied."""
    data = npy(TEXT.replace("(2, 3)", "(1000000000000,)"), bytes(10_000))
    pipe = Pipe(data)
    with pytest.raises(PoolError, match="bytes of memory or more"):
        read_npy_stream(pipe)  # type: ignore[arg-type]
    assert pipe.taken <= len(data) - 10_000


@pytest.mark.parametrize("version", [2, 3])
def test_a_header_of_4_gb(version: int) -> None:
    """At most 64 KB are read."""
    data = b"\x93NUMPY" + bytes([version, 0]) + b"\xff\xff\xff\xff" + bytes(100_000)
    pipe = Pipe(data)
    with pytest.raises(PoolError, match="claims 4,294,967,295 bytes, and 65,536 are the limit"):
        read_npy_stream(pipe)  # type: ignore[arg-type]
    assert pipe.taken == 12


def test_bytes_after_the_data_of_a_file(tmp_path: Path) -> None:
    """The array is read, and the rest is noted."""
    (tmp_path / "x.npy").write_bytes(saved(np.arange(3)) + b"rest!")
    loaded = files.read(tmp_path / "x.npy")
    assert loaded.array.tolist() == [0, 1, 2]
    assert loaded.source.notes == ("5 bytes after the array ignored",)


def test_arrays_follow_each_other_on_a_pipe() -> None:
    """Not one byte more than its own is taken, so the next reader finds the next array."""
    pipe = Pipe(saved(np.arange(3)) + saved(np.ones((2, 2))) + b"x")
    assert files.read("-", stdin=pipe).array.tolist() == [0, 1, 2]  # type: ignore[arg-type]
    assert files.read("-", stdin=pipe).array.tolist() == [[1, 1], [1, 1]]  # type: ignore[arg-type]
    assert pipe.read(9) == b"x"


@pytest.mark.parametrize("rest", [b"", b"x"])
@pytest.mark.parametrize("seekable", [False, True])
def test_what_follows_on_stdin_is_noted(rest: bytes, seekable: bool, tmp_path: Path) -> None:
    """A real pipe and a redirected file: the note is there when bytes are, and they are left."""
    data = saved(np.arange(3)) + rest
    (tmp_path / "x").write_bytes(data)
    code = "import sys; from poolcli import files\nprint(files.read('-').source.notes, sys.stdin.buffer.read())"
    with (tmp_path / "x").open("rb") as stream:
        given = {"stdin": stream} if seekable else {"input": data}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, **given)  # type: ignore[call-overload]
    notes = ("bytes after the array are left unread",) if rest else ()
    assert done.stdout.decode() == f"{notes} {rest}\n"


def test_the_next_array_is_not_waited_for() -> None:
    """A writer that keeps the pipe open does not hold the reader up."""
    code = "from poolcli import files\nprint(files.read('-').array.sum(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(saved(np.arange(5)))
        child.stdin.flush()
        assert child.stdout.readline() == b"10\n"
        child.stdin.close()


@pytest.mark.parametrize("kind", ["fortran", "negative", "readonly", "swapped", "unaligned", "strided"])
def test_any_array_is_written_native_and_in_c_order(kind: str) -> None:
    """Same numbers as the plain copy, byte for byte what NumPy saves of that copy."""
    array = noise("i4", (6, 5, 4))
    raw = np.frombuffer(b"\0" + array.tobytes(), "u1")[1:]
    odd = {
        "fortran": np.asfortranarray(array),
        "negative": np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1],
        "readonly": np.frombuffer(array.tobytes(), "i4").reshape(array.shape),
        "swapped": array.astype(">i4"),
        "unaligned": raw.view("i4").reshape(array.shape),
        "strided": np.repeat(array, 2, 1)[:, ::2],
    }[kind]
    stream = io.BytesIO()
    write_npy(odd, stream)
    assert stream.getvalue() == saved(array)


def test_an_unaligned_file_is_read(tmp_path: Path) -> None:
    """A header of odd length puts the data off its grid."""
    array = noise("f8", (2, 3))
    (tmp_path / "x.npy").write_bytes(npy(TEXT + " ", array.tobytes()))
    got, _ = read_npy(tmp_path / "x.npy")
    assert not got.flags.aligned and np.array_equal(got, array)


def test_one_number_has_no_axis() -> None:
    """0-d fails, and 1-D is a sequence."""
    with pytest.raises(PoolError, match="needs at least one axis"):
        read(saved(np.float64(3)))
    assert read(saved(np.arange(2))).shape == (2,)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4)])
def test_empty_arrays_come_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Batch 0 is a result."""
    array = np.empty(shape, "f4")
    files.write(tmp_path / "x.npy", array, ImageInfo("x", "NPY"))
    assert (tmp_path / "x.npy").read_bytes() == saved(array)
    assert files.read(tmp_path / "x.npy").array.shape == shape
    assert read(saved(array)).shape == shape


REFUSED = {
    "c16": "complex128",
    "c8": "complex64",
    "g": "float128",
    "U5": "string",
    "S3": "string",
    "M8[ns]": "datetime",
    "m8[s]": "timedelta",
    "V3": "void",
    "i4,f8": "structured",
}


@pytest.mark.parametrize("dtype", REFUSED)
def test_other_dtypes_are_named(dtype: str) -> None:
    """Before the data is read: there is none here."""
    if dtype == "g" and np.dtype("g").itemsize == 8:
        pytest.skip("no long double on this machine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = saved(np.zeros(1, dtype))
    header = data[: read_length(data)]
    with pytest.raises(PoolError, match=rf"dtype {REFUSED[dtype]}.* cannot be pooled; bool, integers and float16"):
        read(header)


@pytest.mark.parametrize(("descr", "said"), [
    ("q" * 41, "'" + "q" * 40 + "'"), ("S" + "5" * 40, f"string (S{'5' * 39})"), ("fx", "float (fx)"),
])
def test_a_long_or_odd_dtype_is_shown_short(descr: str, said: str) -> None:
    """Forty letters of it, and how many bits only where the kind counts them."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": (2,)})
    with pytest.raises(PoolError) as refused:
        read(header.getvalue())
    assert f"dtype {said} cannot be pooled" in str(refused.value)


@pytest.mark.parametrize(("letters", "end"), [(58, "'"), (59, "...")])
def test_a_long_shape_is_shown_short(letters: int, end: str) -> None:
    """Sixty letters whole, of more the first 57 and three dots."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": "q" * letters})
    with pytest.raises(PoolError) as refused:
        read(header.getvalue())
    kept = "'" + "q" * (letters if end == "'" else 56) + end
    assert len(kept) == 60
    assert f"shape {kept} is no tuple" in str(refused.value)


def test_a_header_without_data_says_that_none_is_there(tmp_path: Path) -> None:
    """The number of bytes that are there is 0."""
    data = saved(np.zeros((2, 3)))
    (tmp_path / "in.npy").write_bytes(data[: read_length(data)])
    with pytest.raises(PoolError, match="claims 48 bytes of data, 0 are there"):
        read_npy(tmp_path / "in.npy")


def test_only_a_mapped_array_lets_go_of_its_pages(tmp_path: Path) -> None:
    """The kernel is told once; an array in memory has nothing to let go of."""
    told = []

    class Noting(mmap.mmap):
        def madvise(self, option: int, *rest: int) -> None:
            told.append(option)

    npy_files.release_pages(np.zeros(3))
    path = tmp_path / "in.bin"
    path.write_bytes(bytes(24))
    with path.open("rb") as stream:
        npy_files.release_pages(np.ndarray(3, np.float64, Noting(stream.fileno(), 24, access=mmap.ACCESS_READ)))
    assert told == [mmap.MADV_DONTNEED]


@pytest.mark.parametrize(("chunk", "rows"), [(16, 1), (64, 2), (95, 2), (96, 3), (1000, 10)])
def test_blocks_are_as_many_rows_as_fit_a_chunk(chunk: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten rows of 32 bytes; one row where not even one fits."""
    monkeypatch.setattr(npy_files, "_CHUNK", chunk)
    blocks = npy_files._cut_blocks(np.arange(40.0).reshape(10, 4))
    assert [len(block) for block in blocks[:-1]] == [rows] * (len(blocks) - 1)
    assert len(blocks) == -(-10 // rows)
    assert np.concatenate(blocks).tolist() == np.arange(40.0).reshape(10, 4).tolist()


def test_bfloat16_is_named_with_what_helps() -> None:
    """NumPy saves it as two bytes of no kind; the command that makes them numbers is told."""
    data = saved(np.zeros(1, "V2"))
    with pytest.raises(PoolError, match=r"as bfloat16 is saved; x\.astype\(numpy\.float32\) before saving would work"):
        read(data[: read_length(data)])


def read_length(data: bytes) -> int:
    """Return how long a version 1 header is, with its magic."""
    return int(10 + struct.unpack("<H", data[8:10])[0])


HEADERS = [
    b"",
    b"{}",
    b"[]",
    b"None",
    b"{'descr': '<f8', 'fortran_order': False}",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
    b"{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
    b"{'descr': 8, 'fortran_order': False, 'shape': (1,)}",
    b"{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
    b"{'descr': '<f8\\x00', 'fortran_order': False, 'shape': (1,)}",
    b"{'descr': ('<f8', (2,)), 'fortran_order': False, 'shape': (1,)}",
    b"{'descr': '<i4,<i4', 'fortran_order': False, 'shape': (1,)}",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 5_000 + b",)}",
    b"__import__('os').abort()",
    b"(" * 60_000,
    b"-" * 60_000 + b"1",
    b"{" * 30_000,
    b"'" + b"\\d" * 10 + b"'",
    b"1or 2",
    b"\xff\xfe\0\0",
    b"{[]: 1}",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_that_are_no_headers(header: bytes, version: int) -> None:
    """No syntax, no nesting and no expression gets further than PoolError; nothing is warned of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(PoolError) as caught:
            read(npy(header, bytes(64), version))
    assert not seen
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


TOKENS = """{ } ( ) [ ] , : 'descr' 'fortran_order' 'shape' '<f8' '|O' '|b1' True False None 0 1 2 3 -1 2.5 1e9
4294967296 9223372036854775807 'x' L j or in lambda * + - # é"""
WORDS = st.sampled_from([*TOKENS.split(), "\n", "\0", "\\"])


@given(st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=40).map(lambda words: " ".join(words).encode())))
@example(TEXT.encode())
def test_fuzz_header(header: bytes) -> None:
    """Any bytes where the header should be: an array of what is there, or PoolError."""
    data = npy(header, bytes(48))
    try:
        array = read(data)
    except PoolError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert array.nbytes <= 48


@given(st.data())
def test_fuzz_one_byte(data: Any) -> None:
    """A good file with a few bytes changed."""
    good = bytearray(saved(np.arange(6.0).reshape(2, 3)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    try:
        array = read(cut)
    except PoolError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert array.nbytes <= 48


@given(hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4)))
def test_any_array_is_written_as_numpy_does_and_comes_back(array: Any) -> None:
    """The bytes are NumPy's own, and reading gives the array back, NaNs and all."""
    stream = io.BytesIO()
    write_npy(array, stream)
    assert stream.getvalue() == saved(np.ascontiguousarray(array))
    assert read(stream.getvalue()).tobytes() == array.tobytes()


def test_header_bytes_are_those_of_numpy() -> None:
    """A streaming writer can send them before the data exists."""
    for small in ((1,), (3, 4, 5), (0, 2)):
        assert saved(np.zeros(small, "f4")).startswith(header_bytes(np.dtype("f4"), small))
    for shape in ((1,), (3, 4, 5), (0, 2), (10**12, 7)):
        header = read_header(io.BytesIO(header_bytes(np.dtype("f4"), shape)))
        assert (header.shape, header.dtype, header.fortran_order) == (shape, np.dtype("f4"), False)
        assert header.offset % 64 == 0
        assert header.offset == len(header_bytes(np.dtype("f4"), shape))
    long = header_bytes(np.dtype("f8"), (10**18,) * 64)
    assert long[6] == 1, "64 axes of 19 digits fit a header of version 1"


def test_a_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    """8 GiB in a sparse file, in a process that may hold 1 GiB of data: one element is looked at."""
    path = tmp_path / "big.npy"
    with path.open("wb") as stream:
        stream.write(header_bytes(np.dtype("f8"), (1 << 30,)))
        stream.truncate(stream.tell() + (8 << 30))
    array = files.read(path).array
    assert array.shape == (1 << 30,) and array[12345] == 0


def test_without_mmap_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems cannot map."""
    import mmap

    def refuse(*args: Any, **kw: Any) -> Any:
        raise OSError(19, "No such device")

    monkeypatch.setattr(mmap, "mmap", refuse)
    np.save(tmp_path / "x.npy", np.arange(12).reshape(3, 4))
    assert np.array_equal(files.read(tmp_path / "x.npy").array, np.arange(12).reshape(3, 4))


def test_writing_to_a_pipe_that_takes_little_at_a_time() -> None:
    """A raw stream may take fewer bytes than it was given."""

    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.got = bytearray()

        def write(self, data: Any) -> int:
            self.got += bytes(data[:11])
            return min(11, len(data))

    slow, array = Slow(), noise("i4", (7, 9))
    write_npy(array, slow)  # type: ignore[arg-type]
    assert bytes(slow.got) == saved(array)


# .npz


def npz(**arrays: Any) -> bytes:
    """Encode with NumPy itself."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_one_array_needs_no_key(tmp_path: Path) -> None:
    """And the source remembers its name, which the output gets."""
    (tmp_path / "x.npz").write_bytes(npz(weights=np.arange(4)))
    loaded = files.read(tmp_path / "x.npz")
    assert loaded.array.tolist() == [0, 1, 2, 3] and loaded.source.key == "weights"
    files.write(tmp_path / "y.npz", loaded.array, loaded.source)
    with np.load(tmp_path / "y.npz") as again:
        assert list(again) == ["weights"] and again["weights"].tolist() == [0, 1, 2, 3]


def test_several_arrays_need_a_key() -> None:
    """The message lists the names; a name that is none lists them too."""
    data = npz(a=np.arange(3), b=np.ones(2))
    with pytest.raises(PoolError, match="holds 2 arrays; --key takes one of: a, b"):
        read_npz(io.BytesIO(data))
    with pytest.raises(PoolError, match="no array is called 'c'; --key takes one of: a, b"):
        read_npz(io.BytesIO(data), "c")
    for key in ("b", "b.npy"):
        array, found = read_npz(io.BytesIO(data), key)
        assert array.tolist() == [1, 1] and found == "b"


def test_npz_from_stdin() -> None:
    """A zip file is read from its end, so a pipe is copied first."""
    pipe = Pipe(npz(a=np.arange(3)))
    assert files.read("-", stdin=pipe).array.tolist() == [0, 1, 2]  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["cut", "garbage", "crc", "no arrays", "encrypted"])
def test_bad_zip_files(damage: str) -> None:
    """Each is a PoolError."""
    good = npz(a=np.arange(300))
    locked = bytearray(good)
    locked[good.index(b"PK\1\2") + 8] |= 1  # the flag for encryption, in the directory and at the member
    locked[6] |= 1
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "no arrays here")
    data = {
        "cut": good[: len(good) // 2],
        "garbage": b"PK\3\4" + bytes(100),
        "crc": good.replace(b"\xed", b"\xee", 3)[:60] + bytes(20) + good[80:],
        "no arrays": stream.getvalue(),
        "encrypted": bytes(locked),
    }[damage]
    with pytest.raises(PoolError) as caught:
        read_npz(io.BytesIO(data))
    assert "; " in str(caught.value)


@given(st.data())
def test_fuzz_npz(data: Any) -> None:
    """A good zip file with a few bytes changed, compressed or not: an array, or PoolError."""
    stream = io.BytesIO()
    data.draw(st.sampled_from([np.savez, np.savez_compressed]))(stream, a=np.arange(20))
    bad = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_npz(io.BytesIO(bytes(bad)), "a")
    except PoolError as error:
        assert "\n" not in str(error)


def test_a_member_is_checked_against_its_real_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header inside a zip file lies like one outside."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", npy(TEXT.replace("(2, 3)", "(100000000,)"), bytes(48)))
        archive.writestr("b.npy", saved(np.array([None])))
    monkeypatch.setattr("poolcli.files.arrays.npz.fill", lambda *args: pytest.fail("the data was read first"))
    with pytest.raises(PoolError, match=r"^the header claims 800,000,000 bytes of data, 48 are there"):
        read_npz(stream, "a")
    with pytest.raises(PoolError, match=r"^dtype object"):
        read_npz(stream, "b")


def test_zip_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the ratio and over the size: refused before it is inflated; a map of zeros below the size is none."""
    monkeypatch.setattr("poolcli.files.arrays.npz.MAX_INFLATED", 1 << 20)
    with pytest.raises(PoolError, match=r"a inflates from .* looks like a zip bomb; save it as \.npy"):
        read_npz(io.BytesIO(npz(a=np.zeros(1 << 20))))
    monkeypatch.setattr("poolcli.files.arrays.npz.MAX_RATIO", 10)
    assert read_npz(io.BytesIO(npz(a=np.zeros(1 << 10))))[0].size == 1 << 10
    assert read_npz(io.BytesIO(npz(a=noise("u1", (1 << 20) + 1))))[0].size == (1 << 20) + 1


def test_npz_has_no_clock_in_it() -> None:
    """Two runs give the same bytes, and a pipe will do."""
    array = noise("f4", (3, 4))

    class Sink(io.RawIOBase):
        def __init__(self) -> None:
            self.got = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.got += bytes(data)
            return len(data)

    first, second = Sink(), Sink()
    write_npz(array, first)  # type: ignore[arg-type]
    write_npz(array, second)  # type: ignore[arg-type]
    assert first.got == second.got
    with zipfile.ZipFile(io.BytesIO(bytes(first.got))) as archive:
        assert [info.date_time for info in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)]
    with np.load(io.BytesIO(bytes(first.got))) as again:
        assert np.array_equal(again["arr_0"], array)


# The door


def test_closed_stdin_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has no sys.stdin then."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PoolError, match="standard input is closed"):
        files.read("-")


def test_empty_and_endless_stdin() -> None:
    """Nothing is an empty file; what is no picture is told by its first bytes, a picture without an end at a bound."""
    with pytest.raises(PoolError, match="empty file"):
        files.read("-", stdin=io.BytesIO(b""))
    with Path("/dev/zero").open("rb", 0) as stream, pytest.raises(PoolError, match="not an image"):
        files.read("-", stdin=stream)
    first = [b"\x89PNG\r\n\x1a\n"]
    endless = SimpleNamespace(read=lambda count: first.pop() if first else bytes(count))
    with pytest.raises(PoolError, match="bytes and no end"):
        files.read("-", stdin=endless, max_pixels=1_000)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device")])
def test_what_a_streaming_block_raises_passes(error: OSError, tmp_path: Path) -> None:
    """A reader that has gone is not the fault of the file that is read, nor is a full disk."""
    np.save(tmp_path / "x.npy", np.arange(9))
    with pytest.raises(OSError) as caught, files.npy_data(tmp_path / "x.npy") as found:
        assert found is not None and found[0].shape == (9,)
        raise error
    assert caught.value is error


def test_streaming_takes_npy_files_only(tmp_path: Path) -> None:
    """Anything else, too small or missing is None, and read() says what it is."""
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    np.save(tmp_path / "y.npy", np.arange(9))
    for path, least in ((tmp_path / "x.png", 0), (tmp_path / "y.npy", 1_000), (tmp_path / "no.npy", 0)):
        with files.npy_data(path, least=least) as found:
            assert found is None


def test_an_image_on_stdin() -> None:
    """By its first bytes."""
    array = noise("u1", (4, 5, 3))
    stream = io.BytesIO()
    files.write(stream, array, ImageInfo("x", "NPY"), "png")
    pipe = Pipe(stream.getvalue())
    assert np.array_equal(files.read("-", stdin=pipe).array, array)  # type: ignore[arg-type]


def test_a_stream_gets_npy_by_default() -> None:
    """stdout carries .npy."""
    stream = io.BytesIO()
    files.write(stream, np.arange(3), ImageInfo("x", "NPY"))
    assert stream.getvalue() == saved(np.arange(3))


def test_a_fifo_is_read_when_named(tmp_path: Path) -> None:
    """Process substitution hands one over."""
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(["sh", "-c", f"cat > '{tmp_path}/fifo'"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(saved(np.arange(3)))
        writer.stdin.close()
        assert files.read(tmp_path / "fifo").array.tolist() == [0, 1, 2]


@pytest.mark.parametrize("path", ["missing.npy", "folder", "loop"])
def test_what_cannot_be_opened(path: str, tmp_path: Path) -> None:
    """errno in words, and no name: the caller puts it in front."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PoolError, match=r"^cannot be read: ") as caught:
        files.read(tmp_path / path)
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno


def test_arrays_do_not_import_pillow(tmp_path: Path) -> None:
    """.npy work pays for NumPy alone."""
    np.save(tmp_path / "x.npy", np.arange(3))
    code = (
        "import sys; from poolcli import files\n"
        "loaded = files.read('x.npy'); files.write('y.npy', loaded.array, loaded.source)\n"
        "print(sorted({'PIL', 'zipfile', 'tifffile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
