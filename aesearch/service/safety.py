"""Who may ask: names of this server, origins of pages, tokens. Nothing behind it is reached else.

A page of another site can send requests to 127.0.0.1, and by DNS rebinding under a name of its own;
so Host and Origin are checked always, also where no token is asked for.
"""

from __future__ import annotations

import re
import socket

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from aesearch.service.options import Options, is_loopback
from aesearch.service.problems import problem

OPEN = ("/livez", "/readyz", "/docs", "/openapi.json")  # which tell nothing of what is indexed
READING = ("GET", "HEAD", "OPTIONS")
# Posts that change nothing, by the end of their path.
ASKING = re.compile(r"/(?:search|reconstruct|between|sample|duplicates|embeddings|mcp)/?\Z")
WILDCARDS = ("0.0.0.0", "::", "")
HOST = re.compile(r"([^][\s:/?#@\\]+|\[[\da-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)


class Origins:
    """Let through what calls the server by its name, and comes from no page of another.

    Parameters
    ----------
    app : ASGI application
    options : Options
    """

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self._app, self._cors = app, {origin.rstrip("/").lower() for origin in options.cors}
        self._root = options.root_path
        self._names = {"localhost", *map(str.lower, options.hosts)}
        if options.host in WILDCARDS:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        else:
            self._names.add(options.host.strip("[]").lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if self._root:  # whether or not the proxy has taken it away from the path
            scope["root_path"] = self._root
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            status, detail = refusal
            await problem(status, detail)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0], scope):
            return 400, "the Host header names another server; --allow-host allows further names"
        origin = headers.get("origin")
        if origin is None:
            foreign = headers.get("sec-fetch-site") == "cross-site"
            embedded = foreign and headers.get("sec-fetch-mode") != "navigate"
            return (403, "a page of another site may not use this server") if embedded else None
        if origin.lower() in self._cors:
            return None
        if origin.rstrip("/") not in (f"http://{hosts[0]}", f"https://{hosts[0]}"):
            return 403, "a page of another origin may not use this server; --cors allows one"
        return None

    def _is_own(self, host: str, scope: Scope) -> bool:
        """Whether a Host header names this server: by a name, or by the address it was asked at."""
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        at = (scope.get("server") or ("",))[0]
        return name in self._names or is_loopback(name) or (bool(at) and name == at.lower())


class Bearers:
    """Let through who has the token that what is asked for needs.

    Parameters
    ----------
    app : ASGI application
    options : Options
    """

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] == "http" and self._options.tokens and own_path(scope) not in OPEN:
            given = Headers(scope=scope).get("authorization", "")
            kind, _, token = given.partition(" ")
            known = kind.lower() == "bearer"
            if not known or not self._options.tokens.allows(token.strip(), writing=False):
                headers = {"WWW-Authenticate": 'Bearer realm="aesearch"'}
                detail = (
                    "this token is not known here"
                    if token.strip()
                    else "a token is needed: the header Authorization: Bearer TOKEN, or, of "
                    "programs of aesearch, AESEARCH_TOKEN"
                )
                await problem(401, detail, headers=headers)(scope, receive, send)
                return
            if is_writing(scope) and not self._options.tokens.allows(token.strip(), writing=True):
                await problem(403, "this token only reads")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def own_path(scope: Scope) -> str:
    """The path of a request below the root path."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def is_writing(scope: Scope) -> bool:
    """Whether a request may change something."""
    return scope["method"] not in READING and not ASKING.search(scope["path"])
