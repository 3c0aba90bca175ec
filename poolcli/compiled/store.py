"""Machine code on disk: under which name, in which folder, and whose it must be."""

from __future__ import annotations

import os
import stat
import sys
from functools import lru_cache
from pathlib import Path

from . import target
from .code import Code, unpacked
from .recipe import Recipe

try:  # hashlib imports OpenSSL first, 3 ms
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

DIGEST_SIZE = 32


def folder() -> Path:
    """POOLCLI_CACHE_DIR, or a folder of the user's cache."""
    if os.environ.get("POOLCLI_CACHE_DIR"):
        return Path(os.environ["POOLCLI_CACHE_DIR"])
    import platformdirs

    return platformdirs.user_cache_path("poolcli") / "kernels"


def place(recipe: Recipe) -> Path | None:
    """Where a kernel's code is kept; None without a home."""
    key = blake2b(digest_size=20)
    for part in (common_key(), recipe.text()):
        key.update(part.encode() + b"\0")
    try:
        return folder() / f"{key.hexdigest()}.o"
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=1)
def common_key() -> str:
    """What all kernels of this installation on this machine have in common."""
    from .. import __version__

    own = Path(__file__).parent
    sources = blake2b()
    for path in [*sorted((own.parent / "kernels").glob("*.py")), *sorted(own.glob("*.py"))]:
        sources.update(path.read_bytes())
    return repr((__version__, sources.hexdigest(), version("numba"), version("llvmlite"), sys.version, target.text()))


def version(package: str) -> str:
    """The version of a package that is found but not imported (numba takes 0.2 s)."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "none"
    try:
        return (Path(spec.origin).parent / "_version.py").read_text()
    except OSError:
        return str(Path(spec.origin).stat().st_mtime_ns)


def read(path: Path | None) -> Code | None:
    """Code that this user wrote and that is whole; None for anything else."""
    if path is None:
        return None
    try:
        if not (own(path.parent) and own(path)):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, packed = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    return unpacked(packed) if packed and blake2b(packed, digest_size=DIGEST_SIZE).digest() == digest else None


def own(path: Path) -> bool:
    """Whether a file or folder belongs to this user and nobody else can write to it."""
    if not hasattr(os, "getuid"):
        return True
    info = path.stat()
    return info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(path: Path, code: Code) -> None:
    """Keep code, whole or not at all. Raises OSError; in a folder that others can write to, PermissionError."""
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not own(path.parent):
        raise PermissionError(0, f"others can write to {path.parent}")
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        packed = code.packed()
        with os.fdopen(descriptor, "wb") as file:
            file.write(blake2b(packed, digest_size=DIGEST_SIZE).digest() + packed)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
