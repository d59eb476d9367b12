"""``aesearch serve``: the search for other programs, over HTTP."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aesearch.cli import DONE
from aesearch.cli.console import quiet_decoders
from aesearch.cli.options import Place
from aesearch.cli.wrapping import complain
from aesearch.errors import MissingExtraError
from aesearch.storage.places import find, home

if TYPE_CHECKING:
    from aesearch.service.options import Options


@click.command(short_help="Serve indexes over HTTP, to programs and other desks.")
@click.argument("indexes", nargs=-1, type=Place(), metavar="[INDEX]...")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen. Another than this machine's own needs a token.",
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="0 takes one that is free.",
)
@click.option("--open", "opens", is_flag=True, help="Open the description of the API in a browser.")
@click.option(
    "--token-file",
    type=Place(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The token for reading on its first line, for writing on its second; else AESEARCH_TOKEN "
    "and AESEARCH_WRITE_TOKEN have them.",
)
@click.option(
    "--writable", is_flag=True, help="Let clients add, remove and synchronize; else they only read."
)
@click.option(
    "--sources",
    type=Place(path_type=Path, file_okay=False),
    metavar="DIR",
    help="With --writable: let clients index what lies below this folder.",
)
@click.option("--watch", is_flag=True, help="Keep the indexes up to date with their sources.")
@click.option(
    "--root-path", default="", metavar="PATH", help="The path below which a proxy shows the server."
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which clients call the server, behind a proxy say.",
)
@click.option(
    "--proxy",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="The proxy whose X-Forwarded-For and X-Forwarded-Proto are believed.",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Pages of another origin that may use the server, https://example.org say.",
)
@click.option("--quiet", is_flag=True, help="No line for each request.")
def serve(
    indexes: tuple[str, ...],
    host: str,
    port: int,
    token_file: Path | None,
    sources: Path | None,
    root_path: str,
    hosts: tuple[str, ...],
    proxy: str,
    cors: tuple[str, ...],
    *,
    opens: bool,
    writable: bool,
    watch: bool,
    quiet: bool,
) -> int:
    """Serve the indexes of the home, or those named, over HTTP.

    The API describes itself at /docs and /openapi.json. Without --host only programs of this
    machine reach it, and nobody needs a token. Ends at SIGTERM or Ctrl-C, when what runs is done.
    """
    try:
        from aesearch.service import app  # noqa: F401 - all that it needs
        from aesearch.service.options import Options, Tokens
        from aesearch.service.server import log_to
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    options = Options(
        places=tuple(find(name, damaged=True) for name in indexes),
        host=host,
        port=port,
        hosts=hosts,
        cors=cors,
        root_path=root_path.rstrip("/"),
        tokens=Tokens.found(token_file),
        writable=writable,
        sources=sources,
        watch=watch,
    )
    with quiet_decoders():
        if not quiet:
            log_to(sys.stderr)
        _run(options, proxy, opens=opens)
    return DONE


def _run(options: Options, proxy: str, *, opens: bool) -> None:
    from aesearch.service import create_app
    from aesearch.service.server import address_of, bound, serve

    app = create_app(options)
    names = app.state.service.shelf.places()
    if not names:
        complain(f"note: there is no index in {home().absolute()} yet")
    with bound(options) as sock:
        address = address_of(sock) + options.root_path

        def ready() -> None:
            click.echo(f"{address}/docs")
            if opens:
                webbrowser.open(f"{address}/docs")

        serve(app, options, sock, ready, proxies=proxy)


def _missing(error: ModuleNotFoundError) -> MissingExtraError:
    return MissingExtraError(f"serving needs {error.name}: pip install 'aesearch[serve]'", "serve")
