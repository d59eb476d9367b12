"""``aesearch.open``: an index that is here, or one of a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

from aesearch.client.address import is_address
from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.search.index import open_index as open_here

if TYPE_CHECKING:
    from aesearch.client.remote import RemoteIndex


@overload
def open_index(path: str | Path | None = None) -> Index: ...


@overload
def open_index(path: str, *, token: str | None, timeout: float = ...) -> RemoteIndex: ...


@overload
def open_index(path: str, *, token: str | None = ..., timeout: float) -> RemoteIndex: ...


def open_index(
    path: str | Path | None = None, *, token: str | None = None, timeout: float | None = None
) -> Index | RemoteIndex:
    """Open an index: one of this machine, or by ``http://HOST:PORT/NAME`` one of a service.

    Parameters
    ----------
    path : str or Path, optional
        Path of an index, or its name in the home; the only one there is without either. What
        begins with http:// or https:// is the address of ``aesearch serve``; a type checker takes
        that for an `Index`, too, which has the same methods, unless `token` or `timeout` is given.
    token : str, optional
        Of a service that asks for one; by default AESEARCH_TOKEN.
    timeout : float, optional
        Seconds that are waited for a service; 60 by default.

    Returns
    -------
    Index or RemoteIndex

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError
    ServiceError
        If a service cannot be reached, or refuses.
    """
    if is_address(path):
        from aesearch.client.remote import RemoteIndex
        from aesearch.client.service import TIMEOUT

        return RemoteIndex(path, token=token, timeout=TIMEOUT if timeout is None else timeout)
    if token is not None or timeout is not None:
        raise ParameterError(f"token and timeout are for an index of a service; got '{path}'")
    return open_here(path)
