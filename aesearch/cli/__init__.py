"""The command line: verbs of a few lines each over the Python API.

Exit codes: 0 done; 1 an error, in one line; 2 wrong usage; 3 done, but some files or rows
could not be used; 130 interrupted; 141 whoever read the output closed it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from aesearch._version import __version__
from aesearch.cli.wrapping import complain
from aesearch.errors import AesearchError, ParameterError
from aesearch.sources.names import escaped

DONE, ERROR, USAGE, SOME_SKIPPED, INTERRUPTED = 0, 1, 2, 3, 130
UNREAD = 141  # 128 + SIGPIPE: what a shell says of grep and git after '| head'

# Each verb is loaded when it is called: 'query' must not pay for what 'index' needs.
COMMANDS = {
    "index": "aesearch.cli.index:index",
    "query": "aesearch.cli.query:query",
    "search": "aesearch.cli.query:query",
    "duplicates": "aesearch.cli.duplicates:duplicates",
    "sample": "aesearch.cli.sample:sample",
    "reconstruct": "aesearch.cli.reconstruct:reconstruct_",
    "map": "aesearch.cli.map:map_",
    "compare": "aesearch.cli.compare:compare_",
    "serve": "aesearch.cli.serve:serve",
    "list": "aesearch.cli.list:list_",
    "info": "aesearch.cli.info:info",
    "export": "aesearch.cli.export:export_",
    "mcp": "aesearch.cli.mcp:mcp_",
    "remove": "aesearch.cli.remove:remove",
    "verify": "aesearch.cli.verify:verify",
}
ALIASES = {"search"}


class LazyGroup(click.Group):
    """A group whose commands are imported on first use, and which ends quietly when unread."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the command line, and print the help of the group."""
        with _until_closed():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _until_closed():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """The names, in the order in which one needs them."""
        return [name for name in COMMANDS if name not in ALIASES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


HELP = """Similarity search that learns from your own pictures, documents or vectors.

\b
aesearch index ./images                 learn from a folder, and make it searchable
aesearch query photo.png                find what is similar
aesearch index ./papers                 documents likewise
aesearch query laminar flow over wings  find what is about this
aesearch index vectors.npy              your own embeddings, a row each

Exit codes: 0 done, 1 error, 2 usage, 3 done but some files or rows could not be used, 130
interrupted, 141 the reader of the output closed it, as 'head' does.
"""


@contextmanager
def _until_closed() -> Iterator[None]:
    """Leave with `UNREAD` as soon as nobody reads any more; click alone would leave with 1."""
    try:
        yield
    except BrokenPipeError as error:
        # What is still in a buffer is written when the interpreter ends: into nothing.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        raise click.exceptions.Exit(UNREAD) from error


@click.group(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aesearch")
def cli() -> None:
    """Gather the verbs."""


def run() -> int:
    """Run the command line and return the exit code; every error is one line on stderr."""
    warnings.showwarning = _note
    try:
        code = cli.main(prog_name="aesearch", standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AesearchError as error:
        _complain(str(error))
        return USAGE if isinstance(error, ParameterError) else ERROR
    except (click.Abort, KeyboardInterrupt) as stop:
        _complain(_on_stop(stop))
        return INTERRUPTED
    except OSError as error:
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return ERROR


def _on_stop(stop: BaseException) -> str:
    """What an interruption left, as whoever was interrupted noted it."""
    cause = stop if isinstance(stop, KeyboardInterrupt) else stop.__cause__
    notes: list[str] = getattr(cause, "__notes__", [])
    return notes[0] if notes else "stopped; nothing is lost, the same command goes on from here"


def _complain(text: str) -> None:
    complain(escaped(text))


def _note(
    message: Warning | str, category: type[Warning], filename: str, *_: object, **__: object
) -> None:
    if category is UserWarning and Path(filename).is_relative_to(Path(__file__).parents[1]):
        _complain(f"note: {message}")
