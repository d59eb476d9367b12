"""What a typed query asks for: words to rank by, and what a document must hold, or must not.

    "exact phrase"   -word   -"a phrase"   NOT word   one OR other   title:word   begin*

What is not understood is read as words, and named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import category

from aesearch.modalities.texts.phrases import Phrase
from aesearch.modalities.texts.stopwords import STOP_WORDS
from aesearch.modalities.texts.tokenizer import COMBINING, MARKS, is_unspaced

MOST_CHARACTERS = 4000  # what is longer was not typed
LONGEST = 24  # words beside the phrases: what is longer is a text, and its signs are punctuation
SHORT_IN_CAPITALS = 4  # words, up to which NOT, OR and AND stand out among capitals
SENTENCE = 5  # words beside a phrase, from which on the phrase may be a mere quotation

TITLE = "title"
AND, OR, NOT = "AND", "OR", "NOT"
# Word processors and telephones put these where " was typed.
QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\uff02", '"'))
# «so» or »so«, but no « that leads from one page to the next.
POINTED = re.compile("\u00ab([^\u00ab\u00bb]*)\u00bb|\u00bb(?=\\S)([^\u00ab\u00bb]*)(?<=\\S)\u00ab")
ENDS = ",.;:!?)"
# Behind these, in German and its neighbors, - stands for a word: Privatschulen und -lehrer.
SUSPENDING = frozenset(("und", "oder", "bzw.", "sowie", "en", "och", "og", "eller"))
WORD = re.compile(r"[^\W_]+")
STOP = re.compile(r'[\s"]')
OPENING = re.compile(r"(-?)\(+")
# A name of two letters or more, and a value: no time, address of a page, or path of Windows.
FIELD = re.compile(r'([^\W\d_][\w.]+):(?=[\w"(*])')
# localhost:8080, sha256:1f, mailto:a@b.org and the like are searched as they are.
ADDRESS = re.compile(
    r"(?i:mailto|urn|doi|tel|data|news|isbn|file|about|localhost):|[^:]*[\d.]|.*:\d"
)
QUOTED = re.compile(rf'(-?)(?:{FIELD.pattern})?"([^"]*)"')
# -word, but no arrow, no --option and no -decoration-.
EXCLUSION = re.compile(r'-(?=[\w.#@$"/~])(?=.*[^\W_])(?!.*-\Z)')
PREFIX = re.compile(rf"(?=[^*]*[^\W_])([^\s*]*[\w{MARKS}{COMBINING}])\*+\Z")
# Behind a sign between words any word may come: /usr/local/*, self.foo.*, bob@*, C++*.
FOLLOWED = re.compile(r"(?=[^*]*[^\W_])([^\s*]*[-/\\.@+#:=])\*\Z")
NEARNESS = re.compile(r"[~^][\d.]*\Z")  # behind a phrase
NO_WORD = re.compile(r"-[^\x00-\x7f]+\Z")  # - before a picture
# *ing, te*t, wom?n, +word, !word, word~2, word^2, && and the like: what other programs understand.
FOREIGN = re.compile(
    r"\*\w[^*]*\Z|.*[^\W\d_]\*+[^\W\d_]|[^\W\d_]+\?[^\W\d_]+\Z|[+!][^\W\d_]"
    r"|[^\W\d_]+[~^][\d.]*\Z|(?:&&|\|\|?)\Z"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a document holds or does not hold.

    Attributes
    ----------
    text : str
        Without quotes, sign, field and star.
    kind : {'word', 'phrase', 'prefix'}
    field : {'', 'title'}
        Where it is looked for: in the whole text, or in the title.
    """

    text: str
    kind: str = "word"
    field: str = ""

    def __str__(self) -> str:
        text = {"phrase": f'"{self.text}"', "prefix": f"{self.text}*"}.get(self.kind, self.text)
        return f"{self.field}:{text}" if self.field else text


@dataclass(frozen=True, slots=True)
class Syntax:
    """A typed query, read.

    Attributes
    ----------
    plain : str
        The words to rank by: those of phrases and alternatives too, but nothing that is excluded,
        and no prefix.
    required : tuple of tuples of Part
        Of each tuple a document must hold at least one: the alternatives of OR.
    excluded : tuple of Part
        A document must hold none of them.
    unread : tuple of str
        What was not understood, as it was typed.
    """

    plain: str
    required: tuple[tuple[Part, ...], ...] = ()
    excluded: tuple[Part, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def has_conditions(self) -> bool:
        """Whether there may be documents that are not found however similar they are."""
        return bool(self.required or self.excluded)

    @property
    def may_be_pasted(self) -> bool:
        """Whether each condition may be a hyphen before a word: tar -xzf archive.tgz."""
        return (
            bool(self.excluded)
            and not self.required
            and all(part.kind == "word" and not part.field for part in self.excluded)
        )

    @property
    def only_excludes(self) -> bool:
        """Whether it says what to leave out, and nothing else."""
        return bool(self.excluded) and not self.required and not WORD.search(self.plain)

    @property
    def wanted(self) -> tuple[Part, ...]:
        """All parts that a document may hold, alternatives among them."""
        return tuple(part for group in self.required for part in group)

    def shown_in(self, language: str) -> list[Phrase]:
        """Return the phrases and beginnings of words that are marked where a text holds them."""
        return [
            phrase
            for part in self.wanted
            if part.kind != "word"
            and (
                phrase := Phrase.of(part.text, open=part.kind == "prefix", language=language)
            ).units
        ]

    @property
    def is_sentence(self) -> bool:
        """Whether there are so many words beside the phrases that these may be quotations."""
        return _count(self.plain) - _held(self.wanted) >= SENTENCE

    def __str__(self) -> str:
        groups = [" OR ".join(map(str, group)) for group in self.required]
        return " ".join([*groups, *(f"-{part}" for part in self.excluded)])


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of what was typed: a part, an operator, or what holds no word (`part` is None)."""

    typed: str
    part: Part | None = None
    negated: bool = False
    operator: bool = False
    unread: bool = False

    @property
    def is_positive(self) -> bool:
        return self.part is not None and not self.negated


def parse(text: str) -> Syntax:
    """Read what was typed; it never fails.

    A text of several lines, or of more than 24 words beside its phrases, is no query with signs in
    it: it is searched as it stands. So is a query without any sign.
    """
    if len(text) > MOST_CHARACTERS or "\n" in text.strip():
        return Syntax(text)
    pieces, in_parentheses = _scan(text)
    read = _combined(text, _resolved(_calm(pieces)), in_parentheses=in_parentheses)
    if read.has_conditions and _count(read.plain) - _held(read.wanted) > LONGEST:
        return Syntax(text, unread=(str(read), *read.unread))
    return read


def _count(text: str) -> int:
    """Count words; of scripts without spaces two letters are about one."""
    return sum((len(word) + 1) // 2 if is_unspaced(word[0]) else 1 for word in WORD.findall(text))


def _held(parts: Sequence[Part]) -> int:
    """How many words the phrases among some parts hold."""
    return sum(_count(part.text) for part in parts if part.kind == "phrase")


# -- pieces ----------------------------------------------------------------------------------------


def _scan(text: str) -> tuple[list[_Piece], bool]:
    """Cut a text into pieces; also say whether there are parentheses around some."""
    signs = POINTED.sub(lambda match: f'"{match[0][1:-1]}"', text.translate(QUOTES))
    pieces: list[_Piece] = []
    place, in_parentheses, negated = 0, False, False
    while place < len(text):
        if signs[place].isspace():
            place += 1
            continue
        begins = place == 0 or signs[place - 1].isspace() or signs[place - 1] == "("
        if begins and (opening := OPENING.match(signs, place)):
            in_parentheses = True
            after_not = bool(pieces) and pieces[-1].operator and pieces[-1].typed == NOT
            negated = negated or after_not or bool(opening[1])
            place = opening.end()
            continue
        piece, end = _next(text, signs, place, begins=begins)
        if not negated:
            pieces.append(piece)
        elif not piece.operator:  # -(a OR b) leaves out both
            pieces.append(replace(piece, negated=piece.part is not None))
        negated = negated and ")" not in signs[place:end]
        place = end
    return pieces, in_parentheses


def _next(text: str, signs: str, place: int, *, begins: bool) -> tuple[_Piece, int]:
    """Return the piece at a place, and where it ends.

    Parameters
    ----------
    text, signs : str
        What was typed, and the same with quotes of one form.
    place : int
    begins : bool
        Whether a word begins here, or goes on behind a quote: there - is a hyphen.
    """
    quoted = QUOTED.match(signs, place) if begins or signs[place] == '"' else None
    if quoted:
        typed, inner = text[place : quoted.end()], text[quoted.start(3) : quoted.end(3)]
        field = (quoted[2] or "").lower()
        part = Part(inner, "phrase", field if field == TITLE else "")
        known = part if WORD.search(inner) else None
        unread = field not in ("", TITLE) or _is_picture(inner)
        negated = bool(quoted[1]) and known is not None
        return _Piece(typed, known, negated=negated, unread=unread), quoted.end()
    end = _end_of_chunk(signs, place)
    typed = text[place:end]
    if begins:
        return _read(typed, signs[place:end]), end
    known = Part(typed.rstrip(ENDS)) if WORD.search(typed) else None
    return _Piece(typed, known, unread=NEARNESS.match(typed) is not None), end


def _is_picture(text: str) -> bool:
    """Whether a text holds emoji or the like, which no document is found by."""
    return any(category(letter) == "So" for letter in text)


def _end_of_chunk(signs: str, place: int) -> int:
    """Where white space comes, or a quote that begins a phrase: not behind a letter or digit."""
    for match in STOP.finditer(signs, place + 1):
        at = match.start()
        if match[0] != '"' or (not _in_word(signs[at - 1]) and signs.find('"', at + 1) > 0):
            return at
    return len(signs)


def _in_word(letter: str) -> bool:
    """Whether this is a letter or digit of a script with spaces."""
    return letter.isalnum() and not is_unspaced(letter)


def _read(typed: str, signs: str) -> _Piece:
    """Read a piece without white space and phrases."""
    if signs in (AND, OR, NOT):
        return _Piece(typed, Part(typed), operator=True)
    body = signs.rstrip(ENDS)
    negated = EXCLUSION.match(body) is not None
    body = body[negated:]
    unread = body.startswith('"')
    body = body.lstrip('"')
    field = FIELD.match(body)
    if field and field[1].lower() == TITLE and WORD.match(body, field.end()):
        body, name = body[field.end() :], TITLE
    else:
        is_field = field is not None and not ADDRESS.match(body)
        unread = unread or is_field or signs.lower().lstrip('-"').startswith(f"{TITLE}:")
        name = ""
    if prefix := PREFIX.match(body):
        return _Piece(typed, Part(prefix[1], "prefix", name), negated, unread=unread)
    if followed := FOLLOWED.match(body):
        return _Piece(typed, Part(followed[1], "phrase", name), negated, unread=unread)
    part = Part(body, "word", name) if WORD.search(body) else None
    foreign = FOREIGN.match(body) or (part is None and NO_WORD.match(body) and _is_picture(body))
    return _Piece(typed, part, negated, unread=unread or bool(foreign))


# -- meaning ---------------------------------------------------------------------------------------


def _calm(pieces: list[_Piece]) -> list[_Piece]:
    """Take NOT, OR and AND for words where a whole sentence is in capitals."""
    others = [piece.typed for piece in pieces if not piece.operator]
    if _count(" ".join(others)) <= SHORT_IN_CAPITALS or not " ".join(others).isupper():
        return pieces
    return [replace(p, operator=False, unread=True) if p.operator else p for p in pieces]


def _resolved(pieces: list[_Piece]) -> list[_Piece]:
    """Apply NOT; an operator without what it needs becomes a word, and is named."""
    done: list[_Piece] = []
    for piece, after in zip(pieces, [*pieces[1:], _Piece("")], strict=False):
        before = done[-1] if done else _Piece("")
        if piece.negated and piece.part and piece.part.kind == "word" and _suspends(before):
            done.append(replace(piece, negated=False, unread=True))
        elif not piece.operator:
            if before.operator and before.typed == NOT:
                done[-1] = replace(piece, negated=True)
            else:
                done.append(piece)
        else:
            stands = _has_operands(piece.typed, before, after)
            word = replace(piece, operator=False, unread=True)
            if piece.typed == after.typed == NOT:  # is no word either
                word = replace(word, part=None, negated=True)
            done.append(piece if stands else word)
    return done


def _suspends(before: _Piece) -> bool:
    return not before.operator and before.typed in SUSPENDING


def _has_operands(operator: str, before: _Piece, after: _Piece) -> bool:
    if operator == NOT:  # "how NOT to do it" is no search without 'to'
        return (
            after.part is not None
            and not after.operator
            and (after.part.kind != "word" or after.part.text.lower() not in STOP_WORDS)
        )
    if operator == AND:
        return None not in (before.part, after.part) and (not after.operator or after.typed == NOT)
    return before.is_positive and after.is_positive and not (before.operator or after.operator)


def _combined(text: str, pieces: Sequence[_Piece], *, in_parentheses: bool) -> Syntax:
    """Gather what pieces ask for."""
    groups: list[list[Part]] = []
    joined = False
    for piece in pieces:
        if piece.part is not None and not piece.negated and not piece.operator:
            if joined:
                groups[-1].append(piece.part)
            else:
                groups.append([piece.part])
        joined = piece.operator and piece.typed == OR
    required = tuple(
        tuple(group)
        for group in groups
        if len(group) > 1 or group[0].kind != "word" or group[0].field
    )
    excluded = tuple(piece.part for piece in pieces if piece.part and piece.negated)
    unread = [piece.typed for piece in pieces if piece.unread]
    signs = bool(required or excluded) or any(piece.operator for piece in pieces)
    if in_parentheses and signs:
        unread.append("( )")
    plain = " ".join(filter(None, map(_ranked_by, pieces))) if signs else text
    return Syntax(plain, required, excluded, tuple(dict.fromkeys(unread)))


def _ranked_by(piece: _Piece) -> str:
    """The words of a piece that count in the ranking."""
    if piece.negated or piece.operator:
        return ""
    if piece.part is None:
        return piece.typed
    return "" if piece.part.kind == "prefix" else piece.part.text
