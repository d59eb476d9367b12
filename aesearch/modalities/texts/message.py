"""The plain text of a message: what its writer wrote, lines that were broken for the mail."""

from __future__ import annotations

from itertools import takewhile

SIGNATURE = frozenset({"-- ", "--"})
LONGEST_SIGNATURE = 15  # lines
QUOTE = (">", "|>", ": >")
QUOTING = " \t>|:"
FEWEST_OWN = 3  # words; a message of fewer says something by what it quotes alone


def parted(text: str) -> tuple[str, str]:
    """Return what the writer of a message wrote, and apart what is quoted and the signature.

    The latter are found again in many messages, and would make them alike. Where hardly a word is
    left, what is quoted stays.
    """
    if ">" not in text and "--" not in text:
        return text, ""
    every = text.split("\n")
    lines = _without_signature(every)
    own = [line for line in lines if not line.lstrip().startswith(QUOTE)]
    quoted = [line for line in lines if line.lstrip().startswith(QUOTE)]
    if sum(len(line.split()) for line in own) < FEWEST_OWN:
        own, quoted = lines, []
    others = [line.lstrip(QUOTING).rstrip() for line in quoted] + every[len(lines) + 1 :]
    return "\n".join(own), "\n".join(others).strip()


def _without_signature(lines: list[str]) -> list[str]:
    """Return the lines before the last line of two hyphens, if few follow and some come before."""
    last = lines[-LONGEST_SIGNATURE - 1 :]
    behind = len(list(takewhile(lambda line: line not in SIGNATURE, reversed(last))))
    if behind == len(last):
        return lines
    before = lines[: len(lines) - behind - 1]
    return before if any(map(str.strip, before)) else lines


def unwrapped(text: str, *, drops_space: bool) -> str:
    """Return a text of format=flowed (RFC 3676) with its paragraphs in one line each."""
    done: list[str] = []
    flows = False
    quoted = 0
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        if flows and depth == quoted and content != "-- ":
            done.append(content)
        else:
            done += ["\n", ">" * depth, " " if depth else "", content]
        flows = content.endswith(" ") and content != "-- "
        quoted = depth
        if flows and drops_space:
            done[-1] = content[:-1]
    return "".join(done).removeprefix("\n")
