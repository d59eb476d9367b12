"""Conditions on fields, as a person writes them: year < 1700 and place = Augsburg.

A tokenizer and a parser of its own: what comes out are comparisons of a few kinds, of which
`aesearch.storage.fields` answers one by one; no text of a user is part of a statement.

    any        = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" any ")" | NAME test
    test       = ("=" | "!=" | "<" | "<=" | ">" | ">=") VALUE
               | ["not"] "in" "(" VALUE { "," VALUE } ")" | ["not"] "like" VALUE
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from aesearch.errors import ParameterError
from aesearch.storage.database import is_valid_text
from aesearch.storage.fields import Comparison
from aesearch.wording import clipped

if TYPE_CHECKING:
    from aesearch.types import Bools

LONGEST = 10_000  # characters
DEEPEST = 50  # parentheses and nots inside each other
AROUND = 30  # characters that a message shows before and behind a fault
TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*')"""
    r"""|(?P<sign><=|>=|!=|<>|==|[=<>(),])"""
    r"""|(?P<word>(?:[^\s"'=<>(),!]|!(?!=))(?:[^\s"=<>(),!]|!(?!=))*))"""
)
COMPARED = {"=": "=", "==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
UNEQUAL = ("!=", "<>")
WORDS = frozenset({"and", "or", "not", "in", "like"})
TESTS = "=, !=, <, <=, >, >=, in or like"
NAME = "the name of a field, not or ("
VALUE = "a value, such as 1700, Augsburg or 'New York',"


@dataclass(frozen=True)
class Several:
    """Conditions of which all must hold, or one."""

    parts: tuple[Condition, ...]
    all: bool


Condition = Comparison | Several


@dataclass(frozen=True)
class Where:
    """What was asked of the fields of items.

    Attributes
    ----------
    text : str
        As it was written.
    condition : Comparison or Several
    """

    text: str
    condition: Condition = field(compare=False, repr=False)

    @classmethod
    def of(cls, text: str) -> Where:
        """Read a condition.

        A missing value meets no condition: neither ``year = 1700`` nor ``year != 1700`` nor
        ``not year = 1700``; of ``or`` the other one may hold, as in SQL.

        Raises
        ------
        ParameterError
            If it cannot be read; the message shows where, and says what is expected there.
        """
        if not isinstance(text, str):
            raise ParameterError(
                f"where is a text such as \"year < 1700 and place = 'New York'\"; got {text!r}"
            )
        if len(text) > LONGEST:
            raise ParameterError(
                f"where has {len(text):,} characters, and may have {LONGEST:,}; it begins "
                f"'{clipped(text)}'"
            )
        if "\0" in text or not is_valid_text(text):
            raise ParameterError(f"where is text (UTF-8) without NUL; got '{clipped(text)}'")
        return cls(text, _Parser(text).whole())

    def met(self, holding: Callable[[Comparison], Bools]) -> Bools:
        """Which items meet it, by those that meet each comparison."""
        return _met(self.condition, holding)

    def fields(self) -> list[str]:
        """The names of fields that it asks for."""
        return list(dict.fromkeys(_names(self.condition)))


def as_written(name: str) -> str:
    """The name of a field as it stands in a condition: in quotes where it needs them."""
    found = TOKEN.fullmatch(name)
    bare = found is not None and found["word"] == name and name.lower() not in WORDS
    return name if bare else '"' + name.replace('"', '""') + '"'


def _met(condition: Condition, holding: Callable[[Comparison], Bools]) -> Bools:
    if isinstance(condition, Comparison):
        return holding(condition)
    parts = (_met(part, holding) for part in condition.parts)
    return reduce(and_ if condition.all else or_, parts)


def _names(condition: Condition) -> list[str]:
    if isinstance(condition, Comparison):
        return [condition.field]
    return [name for part in condition.parts for name in _names(part)]


def _several(parts: Sequence[Condition], *, all: bool) -> Condition:
    return parts[0] if len(parts) == 1 else Several(tuple(parts), all)


class _Token(NamedTuple):
    kind: str  # 'word', 'quoted', 'sign', or 'end'
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.text in signs


class _Parser:
    """Reads one condition; what is negated is turned round as it is read, down to comparisons."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._place = 0
        self._depth = 0

    def whole(self) -> Condition:
        found = self._any(negated=False)
        if self._next.kind != "end":
            word = self._next.kind == "word" and not self._next.is_word(*WORDS)
            hint = "; a value of several words is put into quotes" if word else ""
            self._fail(self._next, "the end, and or or", hint)
        return found

    def _split(self) -> list[_Token]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found or found.lastgroup is None:
                begins = len(text) - len(text[at:].lstrip())
                quote = text[begins]
                self._fail(
                    _Token("word", quote, begins),
                    f"a {quote} that ends the quotation" if quote in "\"'" else TESTS,
                )
            kind, part = found.lastgroup, found[found.lastgroup]
            if kind == "quoted":
                part = part[1:-1].replace(part[0] * 2, part[0])
            tokens.append(_Token(kind, part, found.start(found.lastgroup)))
            at = found.end()
        return [*tokens, _Token("end", "", len(text))]

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += token.kind != "end"
        return token

    def _any(self, *, negated: bool) -> Condition:
        parts = [self._all(negated=negated)]
        while self._next.is_word("or"):
            self._take()
            parts.append(self._all(negated=negated))
        return _several(parts, all=negated)

    def _all(self, *, negated: bool) -> Condition:
        parts = [self._one(negated=negated)]
        while self._next.is_word("and"):
            self._take()
            parts.append(self._one(negated=negated))
        return _several(parts, all=not negated)

    def _one(self, *, negated: bool) -> Condition:
        token = self._take()
        if token.is_word("not") or token.is_sign("("):
            self._depth += 1
            if self._depth > DEEPEST:
                self._fail(token, f"no more than {DEEPEST} parentheses and nots inside each other")
            if token.is_sign("("):
                found = self._any(negated=negated)
                self._expect(")", "and, or or )")
            else:
                found = self._one(negated=not negated)
            self._depth -= 1
            return found
        if token.kind not in ("word", "quoted") or token.is_word(*WORDS) or not token.text:
            self._fail(token, NAME)
        return self._test(token.text, negated=negated)

    def _test(self, name: str, *, negated: bool) -> Condition:
        token = self._take()
        if token.is_word("not") and self._next.is_word("in", "like"):
            negated, token = not negated, self._take()
        if token.is_word("in"):
            return self._listed(name, negated=negated)
        if token.is_word("like"):
            return self._compared(name, "like", negated=negated)
        if token.is_sign(*COMPARED):
            return self._compared(name, COMPARED[token.text], negated=negated)
        if not token.is_sign(*UNEQUAL):
            self._fail(token, f"{TESTS} behind the field '{clipped(name)}'")
        return self._compared(name, "=", negated=not negated)

    def _listed(self, name: str, *, negated: bool) -> Condition:
        self._expect("(", "( and values, such as in (Augsburg, Ulm),")
        parts = [self._compared(name, "=", negated=negated)]
        while self._next.is_sign(","):
            self._take()
            parts.append(self._compared(name, "=", negated=negated))
        self._expect(")", ", or )")
        return _several(parts, all=negated)

    def _compared(self, name: str, operator: str, *, negated: bool) -> Comparison:
        token = self._take()
        if token.kind not in ("word", "quoted") or token.is_word(*WORDS):
            self._fail(token, VALUE)
        return Comparison(name, operator, token.text, token.kind == "quoted", negated)

    def _expect(self, sign: str, expected: str) -> None:
        token = self._take()
        if not token.is_sign(sign):
            self._fail(token, expected)

    def _fail(self, token: _Token, expected: str, hint: str = "") -> NoReturn:
        """Raise ParameterError, with the place of a token marked."""
        text, at = self._text, token.at
        before, behind = text[max(0, at - AROUND) : at], text[at : at + AROUND]
        before = "..." * (at > AROUND) + before.lstrip()
        behind += "..." * (at + AROUND < len(text))
        raise ParameterError(
            f"where cannot be read at character {at + 1}, [here]: {before}[here]{behind}; "
            f"{expected} is expected there{hint}"
        )
