"""E-mails and news postings: their subject and what is read of their body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from aesearch.errors import ContentError
from aesearch.modalities.texts.charset import decode, tidy

if TYPE_CHECKING:  # the package takes 25 ms to load, and most messages do without it
    from email.message import EmailMessage

KNOWN = rb"from|subject|date|message-id|received|to|return-path|newsgroups|path|delivered-to"
# A first line "From x@y Mon ..." as in mailboxes, or the rest of a header whose beginning is gone.
STRAY = rb"(?:>?From [^\n]*\n)?(?:[ \t]+\S[^\n]*\n)*"
FIELD = rb"[!-9;-~]+:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*"
HEAD = re.compile(STRAY + rb"(?:" + FIELD + rb")*")
BEGUN = re.compile(STRAY + FIELD)
SNIFFED = re.compile(STRAY + rb"((?:" + FIELD + rb"){2,})(?:\n|\Z)")
A_KNOWN = re.compile(rb"^(?:" + KNOWN + rb"):", re.IGNORECASE | re.MULTILINE)
TOLD = re.compile(
    rb"^(subject|content-type|content-transfer-encoding):((?:[^\n]*)(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
PLAIN_TYPE = re.compile(rb"\s*text/plain\s*(?:;\s*charset\s*=\s*\"?([\w.:-]+)\"?\s*)?;?\s*\Z", re.I)
IDENTITY = {b"", b"7bit", b"8bit"}


def looks_like_mail(content: bytes) -> bool:
    """Return whether two or more header lines, a well-known one among them, begin this."""
    found = SNIFFED.match(content if len(content) < 65536 else content[:65536])
    return found is not None and A_KNOWN.search(found[1]) is not None


def begins_with_header(content: bytes) -> bool:
    """Return whether a header line begins this."""
    return BEGUN.match(content[:65536]) is not None


def mail_text(content: bytes) -> tuple[str, str]:
    """Return the text of an e-mail, its subject first, and its subject.

    Parameters
    ----------
    content : bytes
        With lines that end in a newline. Never raises, whatever the headers say.
    """
    subject, body = simple_mail(content) or full_mail(content)
    subject, body = " ".join(subject.split()), body.strip()
    return f"{subject}\n\n{body}" if subject and body else subject or body, subject


def simple_mail(content: bytes) -> tuple[str, str] | None:
    """Return subject and body of a message without MIME, as most old ones are, else None.

    The `email` package takes several times as long to find the same.
    """
    end = HEAD.match(content).end()  # type: ignore[union-attr]  # it matches always
    told: dict[bytes, bytes] = {}
    for name, value in TOLD.findall(content, 0, end):
        told.setdefault(name.lower(), value)
    subject = told.get(b"subject", b"")
    if told.get(b"content-transfer-encoding", b"").strip().lower() not in IDENTITY:
        return None
    kind = told.get(b"content-type")
    plain = PLAIN_TYPE.match(kind) if kind is not None else None
    if (kind is not None and not plain) or b"=?" in subject:
        return None
    if content.startswith(b"From ", end):  # a mailbox's line among the headers, which then go on
        return None
    charset = plain[1].decode("ascii", "replace") if plain and plain[1] else ""
    begin = end + 1 if content[end : end + 1] == b"\n" else end
    return _lenient(subject, charset), _lenient(content[begin:], charset)


def full_mail(content: bytes) -> tuple[str, str]:
    """Return subject and body of any message, as the `email` package understands it."""
    from email import message_from_bytes, policy

    try:
        message = message_from_bytes(content, policy=policy.default)
        part = _readable(message)
        return _subject(message), "" if part is None else _body(part)
    except Exception:  # the package raises whatever a broken header leads it to
        end = HEAD.match(content).end()  # type: ignore[union-attr]
        return "", _lenient(content[end:])


def _subject(message: EmailMessage) -> str:
    raw = next((value for name, value in message.raw_items() if name.lower() == "subject"), "")
    if not raw.isascii():  # bytes that were never encoded as headers should be
        return _lenient(raw.encode("utf-8", "surrogateescape"))
    try:
        return tidy(str(message["subject"] or ""))
    except Exception:
        return tidy(raw)


def _readable(message: EmailMessage) -> EmailMessage | None:
    """Return the part that is read: plain text, else HTML, else the first text there is."""
    try:
        part = message.get_body(("plain", "html"))
    except Exception:  # a broken header of a part
        part = None
    if part is not None:
        return cast("EmailMessage", part)
    for other in message.walk():
        if other.get_content_maintype() == "text" and not other.is_attachment():
            return other
    return None


def _body(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        charset = str(part.get_content_charset() or "")
        kind = part.get_content_subtype()
    except Exception:
        charset, kind = "", "plain"
    if kind == "html":
        from aesearch.modalities.texts.markup import declared_charset, page_text

        return page_text(_lenient(content, charset or declared_charset(content)))[0]
    return _lenient(content, charset)


def _lenient(content: bytes, charset: str = "") -> str:
    """Decode as well as can be: a message is not lost for a few odd letters."""
    if not content:
        return ""
    try:
        return decode(content, charset)
    except ContentError:
        return tidy(content.decode("cp1252", "replace"))
