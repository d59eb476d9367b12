"""Small valid inputs of every kind that is read, made by code: what mutations begin from."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, features

SENTENCE = (
    "a satellite in orbit sends pictures of the sea; Käse, naïve, 東京, кошка, C++, AB-1234 and "
    "10.0.0.17 stand in the notes of engineers who mend engines"
)
WORDS = SENTENCE.split()
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "cp1251",
    "latin-1",
    "shift_jis",
    "koi8-r",
)
PICTURES = (
    *(("png", "PNG"), ("jpg", "JPEG"), ("gif", "GIF"), ("bmp", "BMP"), ("tif", "TIFF")),
    *(("ppm", "PPM"), ("tga", "TGA"), ("ico", "ICO"), ("pcx", "PCX"), ("sgi", "SGI")),
    *(("webp", "WEBP"), ("jp2", "JPEG2000"), ("avif", "AVIF"), ("dds", "DDS"), ("icns", "ICNS")),
)
NEEDS = {"webp": "webp", "jp2": "jpg_2000", "avif": "avif"}  # of Pillow's build


class Seed(NamedTuple):
    """A valid input: the name that it would have as a file, and its bytes."""

    name: str
    content: bytes


def text(rng: np.random.Generator, words: int) -> str:
    """Return some words, in lines."""
    chosen = rng.choice(WORDS, words)
    return "\n".join(" ".join(chosen[start : start + 9]) for start in range(0, words, 9))


def pictures(rng: np.random.Generator) -> Iterator[Seed]:
    """Yield a picture in each format that Pillow writes here, and in modes that differ."""
    pixels = rng.integers(0, 255, (24, 32, 4), dtype=np.uint8)
    for suffix, name in PICTURES:
        if suffix in NEEDS and not features.check(NEEDS[suffix]):
            continue
        yield Seed(f"a.{suffix}", saved(Image.fromarray(pixels[..., :3]), name))
    yield Seed("alpha.png", saved(Image.fromarray(pixels), "PNG"))
    for mode in ("1", "L", "P", "CMYK", "I;16", "F"):
        image = Image.fromarray(pixels[..., :3]).convert("L" if mode == "I;16" else mode)
        image = (
            Image.fromarray(np.asarray(image).astype(np.uint16) * 17) if mode == "I;16" else image
        )
        yield Seed(f"{mode.replace(';', '')}.tif", saved(image, "TIFF"))
    frames = [Image.fromarray(np.roll(pixels[..., :3], n, 0)) for n in range(3)]
    for suffix, name in (("gif", "GIF"), ("tif", "TIFF"), ("png", "PNG")):
        stream = io.BytesIO()
        frames[0].save(stream, name, save_all=True, append_images=frames[1:])
        yield Seed(f"frames.{suffix}", stream.getvalue())
    turned = Image.Exif()
    turned[0x0112] = 6
    stream = io.BytesIO()
    frames[0].save(stream, "JPEG", exif=turned)
    yield Seed("turned.jpg", stream.getvalue())


def saved(image: Image.Image, name: str) -> bytes:
    """Return a picture as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, name)
    return stream.getvalue()


def documents(rng: np.random.Generator) -> Iterator[Seed]:
    """Yield documents: plain in several encodings, HTML, mails, mailboxes, notes, office."""
    for encoding in ENCODINGS:
        yield Seed(f"{encoding}.txt", text(rng, 40).encode(encoding, "replace"))
    paragraphs = "".join(f"<p class=x>{text(rng, 12)}<br></p>" for _ in range(4))
    html = f"<!doctype html><html><head><title>t &amp; u</title></head><body>{paragraphs}</body>"
    yield Seed("a.html", html.encode())
    yield Seed("a.md", f"# Title\n\n* {text(rng, 20)}\n\n```\ncode\n```\n[a](b)\n".encode())
    yield Seed("a.eml", mail(rng))
    yield Seed(
        "a.mbox", b"".join(b"From x@y Mon Jan  1 00:00:00 2001\n" + mail(rng) for _ in "abc")
    )
    yield Seed("a.pdf", pdf(text(rng, 12)))
    for name, member in (
        ("a.docx", "word/document.xml"),
        ("a.odt", "content.xml"),
        ("a.pptx", "ppt/slides/slide1.xml"),
        ("a.xlsx", "xl/sharedStrings.xml"),
        ("a.epub", "a.xhtml"),
    ):
        yield Seed(name, office(member, text(rng, 20)))
    yield Seed(
        "a.rtf", rb"{\rtf1\ansi\deff0 {\fonttbl{\f0 Arial;}}\f0 " + text(rng, 20).encode() + b"}"
    )
    yield Seed("a.json", json.dumps({"a": [text(rng, 9), {"b": None, "c": 1.5}]}).encode())
    yield Seed("a.tex", rb"\section{A} " + text(rng, 20).encode())
    yield Seed("a.log", "\n".join(f"10.0.0.{n} GET /a{n} 200" for n in range(20)).encode())


def mail(rng: np.random.Generator) -> bytes:
    """Return a mail of several parts, one of them in base64."""
    return (
        "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nTo: a@b.c\nSubject: a satellite\n"
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="xx"\n\n--xx\n'
        f"Content-Type: text/plain; charset=utf-8; format=flowed\n\n{text(rng, 20)}\n"
        "> quoted\n-- \nme\n--xx\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n"
        "PGI+YTwvYj4=\n--xx--\n\n"
    ).encode()


def pdf(words: str) -> bytes:
    """Return a PDF of one page of text."""
    shown = words.encode("ascii", "replace").replace(b"\n", b" ")
    stream = b"BT /F1 9 Tf 9 9 Td (" + shown + b") Tj ET"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    return out + end % (table, len(out))


def office(member: str, words: str) -> bytes:
    """Return the skeleton of an office document: a ZIP archive with a text in XML."""
    escaped = words.replace("&", "&amp;").replace("<", "&lt;")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(member, f"<d xmlns:w='w'><w:p><w:r><w:t>{escaped}</w:t></w:r></w:p></d>")
    return stream.getvalue()


def tables(rng: np.random.Generator) -> Iterator[Seed]:
    """Yield tables of documents and of vectors, some of them compressed, and arrays."""
    rows = [(f"k{n}", text(rng, 12), f"place {n % 3}") for n in range(30)]
    for suffix, dialect in (("csv", "excel"), ("tsv", "excel-tab")):
        stream = io.StringIO()
        csv.writer(stream, dialect).writerows([("id", "text", "label"), *rows])
        yield Seed(f"a.{suffix}", stream.getvalue().encode())
    lines = [json.dumps(dict(zip(("id", "text", "label"), row, strict=True))) for row in rows]
    jsonl = "\n".join(lines).encode()
    yield Seed("a.jsonl", jsonl)
    yield Seed("a.jsonl.gz", gzip.compress(jsonl))
    yield Seed(
        "a.csv.bz2",
        bz2.compress(b"id,text\n" + b"\n".join(b"%d,words of a row" % n for n in range(30))),
    )
    yield Seed("a.jsonl.xz", lzma.compress(jsonl))
    vectors = [
        json.dumps({"id": f"v{n}", "vector": rng.standard_normal(4).tolist()}) for n in range(30)
    ]
    yield Seed("v.jsonl", "\n".join(vectors).encode())
    for name, save in (("a.npy", np.save), ("a.npz", np.savez)):
        array = io.BytesIO()
        save(array, rng.standard_normal((30, 4)).astype(np.float32))
        yield Seed(name, array.getvalue())
    parquet = _parquet(rows)
    if parquet:
        yield Seed("a.parquet", parquet)


def _parquet(rows: list[tuple[str, str, str]]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return b""
    names = ("id", "text", "label")
    stream = io.BytesIO()
    pq.write_table(
        pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), stream
    )
    return stream.getvalue()
