"""Machine code on disk: its name, its folder, how its content is known to be right, and the lock of who compiles it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from . import permissions, target
from .kernel_spec import KernelSpec
from .object_code import ObjectCode, from_bytes

try:  # hashlib imports OpenSSL first, 3 ms
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

_DIGEST_SIZE = 32


def get_folder() -> Path:
    """POOLCLI_CACHE_DIR, or a folder of the user's cache."""
    if os.environ.get("POOLCLI_CACHE_DIR"):
        return Path(os.environ["POOLCLI_CACHE_DIR"])
    import platformdirs

    return platformdirs.user_cache_path("poolcli") / "kernels"


def object_path(spec: KernelSpec) -> Path | None:
    """Where a kernel's code is kept; None without a home."""
    key = blake2b(digest_size=20)
    for part in (common_key(), spec.describe()):
        key.update(part.encode() + b"\0")
    try:
        return get_folder() / f"{key.hexdigest()}.o"
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=1)
def common_key() -> str:
    """What all kernels of this installation on this machine have in common."""
    from .. import __version__

    own = Path(__file__).parent
    sources = blake2b()
    for path in [*sorted((own.parent / "kernels").rglob("*.py")), *sorted(own.glob("*.py"))]:
        sources.update(path.read_bytes())
    versions = __version__, _find_version("numba"), _find_version("llvmlite"), sys.version
    return repr((versions, sources.hexdigest(), target.describe()))


def _find_version(package: str) -> str:
    """The version of a package that is found but not imported (numba takes 0.2 s)."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "none"
    try:
        return (Path(spec.origin).parent / "_version.py").read_text()
    except OSError:
        return str(Path(spec.origin).stat().st_mtime_ns)


def read(path: Path | None) -> ObjectCode | None:
    """Code that this user wrote and that is whole; None for anything else."""
    if path is None:
        return None
    try:
        permissions.check_folder(path.parent)
        with path.open("rb") as file:
            # of what is open: the name may be another's by now
            if not permissions.is_private_file(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    found, packed = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    return from_bytes(packed) if packed and _digest(path, packed) == found else None


def _digest(path: Path, packed: bytes) -> bytes:
    """Return the digest of a file's content and of what it is for: its name, a hash of the whole spec.

    So a file that has been given the name of another one is refused, whole as it is.
    """
    return blake2b(path.stem.encode() + b"\0" + packed, digest_size=_DIGEST_SIZE).digest()


def write(path: Path, code: ObjectCode) -> None:
    """Keep code, whole or not at all. Raises OSError; in a folder that others can write to, PermissionError."""
    import tempfile

    permissions.make_folder(path.parent)
    permissions.check_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        packed = code.to_bytes()
        with os.fdopen(descriptor, "wb") as file:
            file.write(_digest(path, packed) + packed)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# One process at a time compiles the same kernel: of many workers that begin together on a machine, one does.


@contextmanager
def lock(path: Path | None) -> Iterator[None]:
    """Wait till no other process makes the code of this name, and let none begin meanwhile.

    A lock on a file beside it holds that; the system drops it with the process. Without locks, or a folder to write
    in, nobody waits.
    """
    beside = None if path is None else path.with_suffix(".lock")
    descriptor = None if beside is None else _acquire(beside)
    try:
        yield
    finally:
        if beside is not None and descriptor is not None:
            with suppress(OSError):
                beside.unlink()
            os.close(descriptor)


def _acquire(path: Path) -> int | None:
    """The file, when it is our turn; None where there is nothing to wait for."""
    try:
        import fcntl

        permissions.make_folder(path.parent)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
            except FileNotFoundError:  # whose turn it was has removed it: what we hold is no lock to others
                os.close(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            else:
                os.close(descriptor)
    except (ImportError, OSError):
        return None
