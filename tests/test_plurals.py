"""Numbers of things, in words."""

from __future__ import annotations

from aesearch.cli.console import format_bytes
from aesearch.wording import counted


def test_one_thing_is_singular_and_all_other_numbers_are_plural() -> None:
    assert [counted(n, "picture") for n in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert counted(12345, "row") == "12,345 rows"
    assert [counted(n, "query", "queries") for n in (1, 3)] == ["1 query", "3 queries"]
    assert [format_bytes(size) for size in (0, 1, 999, 1500)] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.5 kB",
    ]
