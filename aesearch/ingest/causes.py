"""Why a file was refused, and whether that may be gone: then it is tried again."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.util import find_spec

from aesearch._version import __version__
from aesearch.errors import ContentError, MissingExtraError, UnreachableError
from aesearch.storage.schema import DECIDED, Skipped

UNREACHABLE = "unreachable"
EXTRA = "extra "
THIS_VERSION = f"version {__version__}"


def cause_of(error: ContentError) -> str:
    """What a refusal depends on: on surroundings, on an extra, or on what this version can read."""
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    if isinstance(error, MissingExtraError):
        return EXTRA + error.extra
    return THIS_VERSION


def may_be_gone(file: Skipped) -> bool:
    """Whether a file that looks as it did is worth another try.

    Always where it could not be looked at, an extra once it is installed, all else under another
    version; never where a person decided.
    """
    if file.reason in DECIDED:
        return False
    if file.cause.startswith(EXTRA):
        return is_installed(file.cause.removeprefix(EXTRA))
    return file.cause != THIS_VERSION


def is_installed(extra: str) -> bool:
    """Whether the packages of an extra are there; of an unknown extra nobody can say, so yes."""
    try:
        lines = requires("aesearch") or []
    except PackageNotFoundError:  # run from its source alone
        return True
    wanted = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
    names = (re.match(r"[\w.-]+", line) for line in lines if wanted.search(line))
    return all(_is_there(name[0]) for name in names if name)


def _is_there(package: str) -> bool:
    """Whether a package can be imported by its name, or is installed under it."""
    if find_spec(re.sub(r"[-.]", "_", package)) is not None:
        return True
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
