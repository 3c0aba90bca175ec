"""Who may write where machine code is kept: nobody but this user, in the folder itself and in those that lead to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def make_folder(folder: Path) -> None:
    """Make a folder, and each above it that is missing, closed to others whatever the umask. Raises OSError."""
    try:
        for path in (*reversed(folder.parents), folder):
            if not path.is_dir():
                path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        cause = f"{path} is no folder" if isinstance(error, FileExistsError) else error.strerror
        reason = f"{folder} cannot be made: {cause}; POOLCLI_CACHE_DIR names another folder"
        raise OSError(error.errno, reason) from error


def check_folder(folder: Path) -> None:
    """Raise PermissionError where somebody else could put files into a folder, or put another folder in its place."""
    if not hasattr(os, "getuid"):
        return
    info = folder.stat()
    if info.st_uid != os.getuid():
        raise PermissionError(0, f"{folder} belongs to another user; POOLCLI_CACHE_DIR names another folder")
    if info.st_mode & _OTHERS:
        raise PermissionError(0, _give_advice(folder))
    lexical, real = Path(os.path.abspath(folder)), folder.resolve()  # noqa: PTH100  # Path.absolute keeps ".."
    for path in dict.fromkeys((*lexical.parents, *real.parents)):
        if is_writable_by_others(path.stat()):
            raise PermissionError(0, _give_advice(path))


def _give_advice(folder: Path) -> str:
    """What is wrong with a folder that others can write to, and what would help."""
    return f"others can write to {folder}; chmod go-w {folder} would work, or another POOLCLI_CACHE_DIR"


def is_private_file(info: os.stat_result) -> bool:
    """Whether this is a regular file of this user that nobody else can write to."""
    if not hasattr(os, "getuid"):
        return True
    return stat.S_ISREG(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & _OTHERS


def is_writable_by_others(info: os.stat_result) -> bool:
    """Whether others could rename what lies in this folder.

    Not with the sticky bit (/tmp): there each renames only what is his own. A group that may write is no danger where
    root has arranged it (/usr/local of Debian's staff), nor where it is the user's private one: with those a umask of
    002 is usual, and pam_umask knows them by the same sign, a group of the user's name.
    """
    if info.st_mode & stat.S_ISVTX:
        return False
    if info.st_mode & stat.S_IWOTH:
        return True
    return bool(info.st_mode & stat.S_IWGRP) and info.st_uid != 0 and not is_private_group(info.st_gid)


def is_private_group(group: int) -> bool:
    """Whether a group is that of this user alone."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(os.getuid())
        return user.pw_gid == group and grp.getgrgid(group).gr_name == user.pw_name
    except KeyError:
        return False
