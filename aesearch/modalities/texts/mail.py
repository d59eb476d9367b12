"""E-mails and news postings: who wrote of what, and what is read of their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from aesearch.errors import ContentError
from aesearch.modalities.texts.charset import decode, tidy
from aesearch.modalities.texts.message import parted, unwrapped

if TYPE_CHECKING:  # the package takes 25 ms to load, and most messages do without it
    from email.message import EmailMessage

KNOWN = rb"from|subject|date|message-id|received|to|return-path|newsgroups|path|delivered-to"
FIELD = re.compile(rb"[!-9;-~]+:")
A_KNOWN = re.compile(rb"(?:" + KNOWN + rb"):", re.IGNORECASE)
# What no note has: `to: buy milk` may begin a list of things to do.
OF_MAILS = re.compile(
    rb"(?:subject|message-id|received|return-path|newsgroups|path|delivered-to):", re.IGNORECASE
)
AN_ADDRESS = re.compile(rb"[^\s@<>]{1,64}@[^\s@<>]|\b\d{1,2} [A-Z][a-z]{2} \d\d")
TOLD = ("subject", "from", "content-type", "content-transfer-encoding", "content-disposition")
PLAIN_TYPE = re.compile(rb"text/plain(?:;charset=\"?([\w.:-]+)\"?)?;?", re.I)
IDENTITY = {b"", b"7bit", b"8bit"}
LONGEST_HEADER = 8192  # characters of a field that are read; an honest one has a tenth
MOST_ENCODED = 400  # words of a field, of some 60 letters each
MOST_MULTIPARTS = 50  # within one message: each line is compared with the boundary of each
PART_FIELD = re.compile(rb"^content-[a-z-]{1,40}:", re.IGNORECASE | re.MULTILINE)
ENCODED = re.compile(r"=\?([\w.:*-]{1,40})\?([bqBQ])\?([^?\s]*)\?=")
STUB = 0.3  # of the words of the page beside it, that a text holds at least if it says the same
STUB_SAYS = re.compile(r"\bhtml\b|\bview (?:this|it)\b|\bbrowser\b|\bmail (?:reader|client)", re.I)
MOST_PARTS, DEEPEST = 1000, 20


def looks_like_mail(content: bytes) -> bool:
    """Return whether two or more header lines begin this, one of them as mails alone have it.

    It has a name of mails, or a well-known name and an address or a date.
    """
    content = content[:65536]
    end, fields = head_of(content)
    if len(fields) < 2 or not (end == len(content) or content.startswith(b"\n", end)):
        return False
    known = [field for field in fields if A_KNOWN.match(field)]
    return any(OF_MAILS.match(field) or AN_ADDRESS.search(field) for field in known)


def begins_with_header(content: bytes) -> bool:
    """Return whether a header line begins this."""
    return bool(head_of(content[:65536])[1])


def head_of(content: bytes) -> tuple[int, list[bytes]]:
    """Return where the header of a message ends, and its fields, each with its folded lines.

    A first line "From x@y Mon ..." as in mailboxes, and the rest of a header whose beginning is
    gone, are passed over. Each line is looked at once.
    """
    fields: list[list[bytes]] = []
    place = 0
    while place < len(content):
        end = content.find(b"\n", place) + 1 or len(content)
        line = content[place:end]
        if line[:1] in (b" ", b"\t"):
            if not fields and line.isspace():
                break
            if fields:
                fields[-1].append(line)
        elif FIELD.match(line):
            fields.append([line])
        elif place or not line.startswith((b"From ", b">From ")):
            break
        place = end
    return place, [b"".join(lines) for lines in fields]


def mail_text(content: bytes) -> tuple[str, str, str]:
    """Return the text of an e-mail (subject first, sender last), its subject, and what it quotes.

    Parameters
    ----------
    content : bytes
        With lines that end in a newline. Never raises, whatever the headers say.
    """
    subject, sender, body = simple_mail(content) or full_mail(content)
    subject, sender = " ".join(subject.split()), " ".join(sender.split())
    own, quoted = parted(body)
    parts = [subject, own.strip(), f"From: {sender}" if sender else ""]
    return "\n\n".join(filter(None, parts)), subject, quoted


def _told(fields: list[bytes]) -> dict[str, bytes]:
    """Return the values of those header fields that are read, of several the first."""
    told: dict[str, bytes] = {}
    for field in fields:
        name, _, value = field.partition(b":")
        told.setdefault(name.decode("ascii", "replace").lower(), value[:LONGEST_HEADER])
    return {name: told[name] for name in TOLD if name in told}


def simple_mail(content: bytes) -> tuple[str, str, str] | None:
    """Return subject, sender and body of a message without MIME, as most old ones are, else None.

    The `email` package takes several times as long to find the same.
    """
    end, fields = head_of(content)
    told = _told(fields)
    if told.get("content-transfer-encoding", b"").strip().lower() not in IDENTITY:
        return None
    kind = b"".join(told.get("content-type", b"text/plain").split())
    plain = PLAIN_TYPE.fullmatch(kind)
    if plain is None:
        return None
    if content.startswith(b"From ", end):  # a mailbox's line among the headers, which then go on
        return None
    charset = (plain[1] or b"").decode("ascii", "replace")
    begin = end + 1 if content[end : end + 1] == b"\n" else end
    subject, sender = (header_text(told.get(name, b""), charset) for name in ("subject", "from"))
    return subject, sender, _lenient(content[begin:], charset)


def header_text(value: bytes, charset: str = "") -> str:
    """Return the text of a header field: its encoded words, or bytes as they are."""
    text = _lenient(value[:LONGEST_HEADER], charset)
    if "=?" not in text:
        return text
    # Between two encoded words a space is none.
    text = re.sub(r"\?=\s{1,100}=\?", "?==?", text)
    count = 0

    def word(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return _encoded_word(*found.groups()) if count <= MOST_ENCODED else found[0]

    return tidy(ENCODED.sub(word, text))


def _encoded_word(charset: str, way: str, text: str) -> str:
    import binascii
    import quopri

    content = text.encode("ascii", "replace")
    if way in "bB":
        try:
            content = binascii.a2b_base64(content + b"=" * (-len(content) % 4))
        except ValueError:
            return text
    else:
        content = quopri.decodestring(content, header=True)
    return _lenient(content, charset.partition("*")[0])


def full_mail(content: bytes) -> tuple[str, str, str]:
    """Return subject, sender and body of any message, as the `email` package understands it."""
    from email import message_from_bytes, policy

    end, fields = head_of(content)
    told = _told(fields)
    subject, sender = (header_text(told.get(name, b"")) for name in ("subject", "from"))
    if content.lower().count(b"multipart/") > MOST_MULTIPARTS:
        return subject, sender, _lenient(content[end:])
    try:
        message = message_from_bytes(_bounded(content), policy=policy.compat32)
        texts = list(_texts(message, 0))  # type: ignore[arg-type]
        return subject, sender, "\n\n".join(filter(None, (text.strip() for text in texts)))
    except Exception:  # the package raises whatever a broken header leads it to
        return subject, sender, _lenient(content[end:])


def _bounded(content: bytes) -> bytes:
    """Return a message without endless fields about its parts: the package takes long over them."""
    kept: list[bytes] = []
    place = 0
    for found in PART_FIELD.finditer(content):
        end = content.find(b"\n", found.end()) + 1
        while end and content[end : end + 1] in (b" ", b"\t"):
            end = content.find(b"\n", end) + 1
        end = end or len(content)
        if end - found.start() > LONGEST_HEADER and found.start() >= place:
            kept.append(content[place : found.start()])
            place = end
    return b"".join([*kept, content[place:]]) if kept else content


def _texts(part: EmailMessage, depth: int) -> Iterator[str]:
    """Yield what is read of a part and those in it: all texts, also forwarded and attached ones."""
    kind, name = part.get_content_type(), part.get_content_maintype()
    if depth > DEEPEST:
        return
    if name == "multipart" and not _parts(part):  # no boundary, or none that occurs
        yield _body(part)
    elif kind == "multipart/alternative":
        yield _best_of([list(_texts(one, depth + 1)) for one in _parts(part)], _parts(part))
    elif name == "multipart":
        for one in _parts(part):
            yield from _texts(one, depth + 1)
    elif kind == "message/rfc822":
        for inner in _parts(part):
            yield _forwarded(inner)
            yield from _texts(inner, depth + 1)
    elif name == "text" and kind != "text/calendar":
        yield _body(part)


def _parts(part: EmailMessage) -> list[EmailMessage]:
    payload = part.get_payload()
    return payload[:MOST_PARTS] if isinstance(payload, list) else []  # type: ignore[return-value]


def _forwarded(inner: EmailMessage) -> str:
    """Return subject and sender of a message within another."""
    values = [str(inner.get(name, "")) for name in ("subject", "from")]
    raw = [value.encode("utf-8", "surrogateescape")[:LONGEST_HEADER] for value in values]
    return "\n".join(filter(None, (" ".join(header_text(value).split()) for value in raw)))


def _best_of(choices: list[list[str]], parts: list[EmailMessage]) -> str:
    """Return the one of several texts that is read: the plain one, unless it is a stub."""
    joined = ["\n\n".join(filter(str.strip, texts)) for texts in choices]
    plain = [text for text, part in zip(joined, parts, strict=True) if _is_plain(part)]
    others = [text for text, part in zip(joined, parts, strict=True) if not _is_plain(part)]
    best = max(others, key=len, default="")
    if not plain or not plain[0].strip():
        return best
    return best if _is_stub(plain[0], best) else plain[0]


def _is_plain(part: EmailMessage) -> bool:
    return bool(part.get_content_type() == "text/plain")


def _is_stub(plain: str, other: str) -> bool:
    """Return whether a text only says that there is another one, for readers that show HTML."""
    words, those = plain.lower().split(), set(other.lower().split())
    if not those or set(words) >= those:
        return False
    said = sum(word in those for word in words)
    if said >= 0.8 * len(words) and len(set(words)) >= STUB * len(those):
        return False
    return len(words) < STUB * len(other.split()) or bool(
        len(words) < 60 and STUB_SAYS.search(plain) and said < 0.8 * len(words)
    )


def _body(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset, is_flowed, drops = "", False, False
    with suppress(Exception):  # a broken header of a part
        charset = str(part.get_content_charset() or "")
        is_flowed = str(part.get_param("format", "")).lower() == "flowed"
        drops = str(part.get_param("delsp", "")).lower() == "yes"
    if part.get_content_subtype() == "html":
        from aesearch.modalities.texts.markup import declared_charset, page_text

        return page_text(_lenient(content, charset or declared_charset(content)))[0]
    text = _lenient(content, charset)
    return unwrapped(text, drops_space=drops) if is_flowed else text


def _lenient(content: bytes, charset: str = "") -> str:
    """Decode as well as can be: a message is not lost for a few odd letters."""
    if not content:
        return ""
    try:
        return decode(content, charset)
    except ContentError:
        return tidy(content.decode("cp1252", "replace"))
