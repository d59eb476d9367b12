"""The command: what must happen before anything is imported, then the command line."""

from __future__ import annotations

import gc
import io
import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
SHORT_LIVED = {"query", "search", "list", "remove"}


def main() -> None:
    """Run the command line.

    One picture is encoded and one code searched in less time than it takes to start a second
    thread, so that commands that look something up run on one: half the time of a cold query.
    Training shares its cores with other programs: a thread that waits must sleep, because two that
    spin beside another job are 6 to 18 times slower than one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    short = len(sys.argv) > 1 and sys.argv[1] in SHORT_LIVED
    # A hundred thousand rows are no garbage, and looking through them for some takes a while.
    gc.set_threshold(100_000, 50, 100)
    if short:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        gc.disable()
    _settle_streams()
    from aesearch.cli import run

    code = run()
    if short:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # tearing down libraries takes longer than a search
    sys.exit(code)


def _settle_streams() -> None:
    """Open what was closed (``>&-``) into nothing, and escape what an encoding cannot show.

    Otherwise the next file that is opened, the database say, would be standard output.
    """
    for descriptor, (name, mode) in enumerate(STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    from aesearch.cli.streams import notes_to

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr = notes_to(2, sys.stderr.encoding)


if __name__ == "__main__":
    main()
