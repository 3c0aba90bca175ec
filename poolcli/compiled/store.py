"""Machine code on disk: under which name, in which folder, and how its content is known to be right."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from . import target, trust
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
    for path in [*sorted((own.parent / "kernels").rglob("*.py")), *sorted(own.glob("*.py"))]:
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
        trust.check_folder(path.parent)
        with path.open("rb") as file:
            if not trust.is_own(os.fstat(file.fileno())):  # of what is open: the name may be another's by now
                return None
            content = file.read()
    except OSError:
        return None
    found, packed = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    return unpacked(packed) if packed and digest(path, packed) == found else None


def digest(path: Path, packed: bytes) -> bytes:
    """Return the digest of a file's content and of what it is for: its name, a hash of the whole recipe.

    So a file that has been given the name of another one is refused, whole as it is.
    """
    return blake2b(path.stem.encode() + b"\0" + packed, digest_size=DIGEST_SIZE).digest()


def write(path: Path, code: Code) -> None:
    """Keep code, whole or not at all. Raises OSError; in a folder that others can write to, PermissionError."""
    import tempfile

    trust.make_folder(path.parent)
    trust.check_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        packed = code.packed()
        with os.fdopen(descriptor, "wb") as file:
            file.write(digest(path, packed) + packed)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
