"""An index of a service: the same answers as the index itself, and the same errors."""

from __future__ import annotations

import http.server
import inspect
import io
import json
import pickle
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import assert_same_hits, command, write_pictures
from PIL import Image
from serving_ import served
from texts_ import RARE, long_text, made, write_texts

import aesearch
from aesearch import Example
from aesearch.client import RemoteIndex
from aesearch.client.address import Address, is_address
from aesearch.client.changing import LARGEST, MOST, ended, portions
from aesearch.client.remote import HERE_ONLY
from aesearch.client.service import problem
from aesearch.errors import (
    AesearchError,
    ContentError,
    IndexNotFoundError,
    LockedError,
    MissingExtraError,
    ParameterError,
    ServiceError,
    StorageError,
    UnknownKeyError,
    UnsupportedError,
)
from aesearch.search.index import Index
from aesearch.service.options import Tokens

TOKEN = "a-token-of-letters-that-nobody-guesses"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("client")
    write_pictures(root / "pictures", 20)
    write_texts(root / "notes", 6)
    (root / "notes" / "long.txt").write_text(long_text())
    rows = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    np.save(root / "rows.npy", rows)
    (root / "notes" / "odd # ? name.txt").write_text("the harbour in winter, and a strange key")
    for name in ("pictures", "notes", "rows.npy"):
        made(root / name, root / "home" / name).close()
    return root / "home"


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[str]:
    with served(*(home / name for name in ("pictures", "notes", "rows.npy"))) as url:
        yield url


@pytest.fixture
def notes(service: str) -> Iterator[RemoteIndex]:
    with RemoteIndex(f"{service}/notes") as index:
        yield index


@pytest.fixture
def pictures(service: str) -> Iterator[RemoteIndex]:
    with RemoteIndex(f"{service}/pictures") as index:
        yield index


def test_an_address_opens_what_a_path_opens(service: str, home: Path) -> None:
    with aesearch.open(f"{service}/notes") as remote, aesearch.open(home / "notes") as here:
        assert isinstance(remote, RemoteIndex)
        assert isinstance(here, Index)
        for name in ("name", "kind", "source", "is_tabular", "settings", "is_hybrid"):
            assert getattr(remote, name) == getattr(here, name), name
        assert len(remote) == len(here) == 26
        assert remote.info() == here.info()
        assert list(remote.items()) == list(here.items())
        assert ("cooking/00.txt" in remote, "x" in remote, 7 in remote) == (True, False, False)
        assert remote.path_of("cooking/00.txt") == here.path_of("cooking/00.txt")
        for key in ("long.txt", "odd # ? name.txt"):
            assert remote.text_of(key) == here.text_of(key)
        assert repr(remote) == f"<RemoteIndex '{service}/notes'>"


@pytest.mark.parametrize(
    "asked",
    [
        {"content": RARE["music"], "k": 3},
        {"content": '"harbour in winter" OR soup -onion', "k": 5},
        {"content": "sail wind captain", "k": 4, "among": ["sailing/*", "music/*"]},
        {"content": "violin", "hybrid": False, "threshold": 0.2},
    ],
)
def test_words_find_the_same(notes: RemoteIndex, home: Path, asked: dict[str, Any]) -> None:
    with Index(home / "notes") as here:
        wanted = here.search(**asked)
    assert wanted
    assert notes.search(**asked) == wanted


def test_documents_keys_and_literal_texts_find_the_same(notes: RemoteIndex, home: Path) -> None:
    file = home.parent / "notes" / "long.txt"
    with Index(home / "notes") as here:
        for content in (file, file.read_bytes()):
            assert_same_hits(notes.search(content, 4), here.search(content, 4))
            assert notes.search(content, 1)[0].key == "long.txt"
        assert notes.similar("odd # ? name.txt", 3) == here.similar("odd # ? name.txt", 3)
        literal = notes.search(notes.prepare("soup -onion", literal=True), 3)
        assert literal == here.search(here.prepare("soup -onion", literal=True), 3)
        assert literal != notes.search("soup -onion", 3)
        both = ["soup", "violin"]
        for found, wanted in zip(
            notes.search_many(both, 2), here.search_many(both, 2), strict=True
        ):
            assert_same_hits(found, wanted)
        query = "soup qwertz author:smith"
        assert notes.notes(query) == here.notes(query)
        assert notes.unknown_words(query) == here.unknown_words(query)
        assert "qwertz" in notes.unknown_words(query)


def test_reasons_are_the_same(notes: RemoteIndex, home: Path) -> None:
    with Index(home / "notes") as here:
        assert notes.explain("soup", "cooking/00.txt") == here.explain("soup", "cooking/00.txt")
        pair = ("cooking/01.txt", "cooking/00.txt", 3)
        assert notes.explain_similar(*pair) == here.explain_similar(*pair)


def test_a_picture_is_found_however_it_is_handed_over(pictures: RemoteIndex, home: Path) -> None:
    file = home.parent / "pictures" / "disks" / "003.png"
    with Image.open(file) as picture, Index(home / "pictures") as here:
        array = np.asarray(picture)
        forms = [file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes()), picture, array]
        for content in forms:
            found = pictures.search(content, 3)
            assert_same_hits(found, here.search(file, 3))
            assert found[0].same == "unchanged"
        assert pictures.search(file, 3, copies=False)[0].same is None
        assert pictures.similar("disks/003.png", 3) == here.similar("disks/003.png", 3)


def test_vectors_are_found_by_numbers_files_and_keys(service: str, home: Path) -> None:
    rows = np.load(home.parent / "rows.npy")
    one = home.parent / "one.npy"
    np.save(one, rows[4])
    with RemoteIndex(f"{service}/rows.npy") as remote, Index(home / "rows.npy") as here:
        for content in (rows[4], list(map(float, rows[4])), one, one.read_bytes()):
            assert_same_hits(remote.search(content, 3), here.search(rows[4], 3))
            assert remote.search(content, 1)[0].key == "4"
        assert remote.similar(4, 3) == here.similar(4, 3)
        assert 4 in remote


def test_several_queries_are_one_and_conditions_hold(notes: RemoteIndex, home: Path) -> None:
    long = home.parent / "notes" / "long.txt"
    with Index(home / "notes") as here:
        for asked in (
            {"like": ["soup onion", Example(key="music/00.txt", weight=2)], "unlike": "garlic"},
            {"like": [long, "anchor"], "unlike": [Example(key="sailing/01.txt")], "k": 4},
            {"content": "soup", "where": "label = cooking and size > 10", "offset": 2, "k": 3},
            {"content": "soup", "not_among": ["cooking/0[0-3]*"], "threshold": 0.1},
        ):
            found = notes.search(**asked)
            assert found
            assert_same_hits(found, here.search(**asked))
        chosen = {"where": "label = music", "not_among": "music/00*"}
        assert list(notes.items(**chosen)) == list(here.items(**chosen))
        assert list(notes.items(offset=3, limit=5)) == list(here.items(offset=3, limit=5))
        assert notes.count(**chosen) == here.count(**chosen) == 5
        assert notes.similar("long.txt", 2, offset=1) == here.similar("long.txt", 2, offset=1)
    assert isinstance(wrong(notes, "search", "soup", where="nope = 1"), ParameterError)
    assert isinstance(wrong(notes, "search", "soup", where="label ="), ParameterError)
    assert isinstance(wrong(notes, "search", unlike="soup"), ParameterError)
    assert isinstance(wrong(notes, "search", "soup", crop=(0, 0, 1, 1)), UnsupportedError)
    error = wrong(notes, "search", like=["soup", Path("/no/such.txt")])
    assert str(error).startswith("like[1]: ")


def test_a_part_of_a_picture_is_searched_with(pictures: RemoteIndex, home: Path) -> None:
    file = home.parent / "pictures" / "disks" / "003.png"
    with Index(home / "pictures") as here:
        for crop in ((4, 4, 20, 24), (0.25, 0, 0.5, 0.5), (0, 0, 1, 1)):
            assert_same_hits(pictures.search(file, crop=crop), here.search(file, crop=crop))
    assert isinstance(wrong(pictures, "search", file, crop=(0, 0, 99, 99)), ParameterError)


def test_codes_are_those_of_the_index(service: str, home: Path) -> None:
    file = home.parent / "pictures" / "disks" / "003.png"
    rows = np.load(home.parent / "rows.npy")
    for name, contents in (
        ("notes", ["soup and onion", "the violin"]),
        ("pictures", [file, file.read_bytes()]),
        ("rows.npy", [rows[3], rows[4]]),
    ):
        with RemoteIndex(f"{service}/{name}") as remote, Index(home / name) as here:
            codes = remote.encode(contents)
            assert codes.dtype == np.float32
            np.testing.assert_allclose(codes, here.encode(contents), atol=1e-6)
            assert remote.encode([]).shape[0] == 0
    with RemoteIndex(f"{service}/notes") as notes:
        assert isinstance(wrong(notes, "encode", "soup"), ParameterError)
        assert isinstance(
            wrong(notes, "encode", [home.parent / "notes/long.txt"]), UnsupportedError
        )
        assert "no word that the code knows" in str(wrong(notes, "encode", ["qwertz"]))


def wrong(index: RemoteIndex, call: str, *given: Any, **more: Any) -> AesearchError:
    with pytest.raises(AesearchError) as caught:
        getattr(index, call)(*given, **more)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("call", "given", "kind", "says"),
    [
        ("search", [""], ContentError, "the text is empty"),
        ("search", ["soup", 0], ParameterError, "k"),
        ("search", ["soup", 1.5], ParameterError, "k must be a whole number"),
        ("search", [Path("/no/such/file.txt")], ContentError, "there is no such file"),
        ("search", ["-onion"], ContentError, "only says what to leave out"),
        ("search", [42], ParameterError, "is no document, but of type int"),
        ("search_many", ["soup"], ParameterError, "put a single one into a list"),
        ("search_many", [["soup", ""]], ContentError, "query 1, counted from 0: the text is"),
        ("similar", ["nope"], UnknownKeyError, "there is no item 'nope' in notes"),
        ("explain", ["soup", "nope"], UnknownKeyError, "there is no item 'nope' in notes"),
        ("text_of", ["nope"], UnknownKeyError, "there is no item 'nope' in notes"),
    ],
)
def test_what_is_wrong_is_the_same_error(
    notes: RemoteIndex, call: str, given: list[Any], kind: type[AesearchError], says: str
) -> None:
    error = wrong(notes, call, *given)
    assert type(error).__mro__[:-1].count(kind), repr(error)
    assert says in str(error)


def test_what_a_kind_cannot_do_is_unsupported(pictures: RemoteIndex) -> None:
    for call, given in (("explain", [b"x", "disks/000.png"]), ("text_of", ["disks/000.png"])):
        assert isinstance(wrong(pictures, call, *given), UnsupportedError)
    assert isinstance(wrong(pictures, "search", b"no picture"), ContentError)
    assert isinstance(wrong(pictures, "search", b""), ContentError)


def test_every_method_of_an_index_is_here_or_says_why_not(notes: RemoteIndex) -> None:
    for name in dir(Index):
        if name.startswith("_"):
            continue
        if name in HERE_ONLY:
            with pytest.raises(UnsupportedError, match="open the index where it lies"):
                getattr(notes, name)
            continue
        assert hasattr(notes, name), name
        if callable(own := getattr(Index, name)):
            assert inspect.signature(own).parameters.keys() == (
                inspect.signature(getattr(RemoteIndex, name)).parameters.keys()
            ), name
    with pytest.raises(AttributeError):
        _ = notes.nonsense


def test_a_service_of_one_index_needs_no_name(home: Path, service: str) -> None:
    with served(home / "notes") as url, aesearch.open(url) as index:
        assert index.name == "notes"
        assert index.search(RARE["music"], 1)[0].key == "music/00.txt"
        assert isinstance(pickle.loads(pickle.dumps(index)), RemoteIndex)
    with pytest.raises(IndexNotFoundError, match=r"several indexes: .*notes.*name one"):
        aesearch.open(service)
    with pytest.raises(IndexNotFoundError, match="gone"):
        aesearch.open(f"{service}/gone")


def test_a_token_is_sent_and_missed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(home / "notes", tokens=Tokens.of(TOKEN, None)) as url:
        with pytest.raises(ServiceError, match="a token is needed") as caught:
            aesearch.open(url)
        assert caught.value.status == 401
        with aesearch.open(url, token=TOKEN) as index:
            assert len(index) == 26
        monkeypatch.setenv("AESEARCH_TOKEN", TOKEN)
        with aesearch.open(url) as index:
            assert len(index) == 26
    with pytest.raises(ParameterError, match="visible letters of ASCII"):
        aesearch.open("http://127.0.0.1:1/x", token="two\r\nlines")


def test_threads_share_an_index(notes: RemoteIndex) -> None:
    words = [RARE[topic] for topic in RARE] * 6
    wanted = [hits[0].key for hits in notes.search_many(words, 1)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda word: notes.search(word, 1)[0].key, words))
    assert found == wanted


def test_a_service_that_starts_again_is_found_again(home: Path) -> None:
    with served(home / "notes") as url:
        index = aesearch.open(url)
        assert len(index) == 26
    with pytest.raises(ServiceError, match=r"cannot be reached: Connection refused; is it running"):
        len(index)
    index.close()


class Strange(http.server.BaseHTTPRequestHandler):
    """A server that is no service: says something else, nothing at all, or leaves in between."""

    def do_GET(self) -> None:
        if "silent" in self.path:
            self.server.stop.wait(30)  # type: ignore[attr-defined]
            return
        if "leaves" in self.path:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b'{"ind')
            return
        self.send_response(302 if "moved" in self.path else 200)
        self.send_header(
            "Content-Type", "application/json" if "broken" in self.path else "text/html"
        )
        self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()
        self.wfile.write(b"<html>\nhello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def strange() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    server.stop = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("page", "is no aesearch: it answered 200 <html> hello"),
        ("moved", "is no aesearch: it answered 302"),
        ("broken", "is no aesearch: it answered 200"),
        ("leaves", "cannot be reached: "),
        ("silent", "did not answer within 0.5 s"),
    ],
)
def test_what_is_no_service_is_one_line(strange: str, name: str, says: str) -> None:
    with pytest.raises(ServiceError) as caught:
        aesearch.open(f"{strange}/{name}", timeout=0.5)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_there_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        ServiceError, match=f"http://127.0.0.1:{port} cannot be reached: Connection"
    ):
        aesearch.open(f"http://127.0.0.1:{port}/notes")
    with pytest.raises(ServiceError, match="cannot be reached"):
        aesearch.open("http://no-such-host.invalid/notes")


@pytest.mark.parametrize(
    ("url", "service", "name"),
    [
        ("http://h", "http://h", ""),
        ("http://h:8080", "http://h:8080", ""),
        ("HTTP://H:80/", "http://h", ""),
        ("http://h/notes", "http://h", "notes"),
        ("https://h:443/below/a%20b%2Fc", "https://h/below", "a b/c"),
        ("http://h/below/", "http://h/below", ""),
        ("http://h/v1/indexes/notes", "http://h", "notes"),
        ("http://[::1]:8080/notes", "http://[::1]:8080", "notes"),
    ],
)
def test_addresses(url: str, service: str, name: str) -> None:
    address = Address.of(url)
    assert (address.service, address.name) == (service, name)
    assert Address.of(str(address)) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://u:p@h/notes",
        "http://h:99999/n",
        "http://h/n?x=1",
        "http://h/n#x",
        "ftp://h",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Address.of(url)
    assert ":p@" not in str(caught.value)


def test_places_here_are_no_addresses(tmp_path: Path) -> None:
    assert is_address("HTTPS://h")
    assert not any(map(is_address, ("http", "./http://x", tmp_path, None, "photos", "httpx://h")))
    with pytest.raises(ParameterError, match="for an index of a service"):
        aesearch.open(str(tmp_path), token=TOKEN)


def test_problems_are_errors_of_the_library() -> None:
    error = problem({"detail": "locked", "error": "LockedError"}, 409)
    assert (type(error), str(error)) == (LockedError, "locked")
    extra = problem({"detail": "needs pip install", "error": "MissingExtraError"}, 422)
    assert (type(extra), str(extra)) == (MissingExtraError, "needs pip install")
    busy = problem({"detail": "busy"}, 503, "7")
    assert isinstance(busy, ServiceError)
    assert (busy.status, busy.retry_after) == (503, 7.0)
    for name in ("Path", "annotations", "NewerError", "UNPRINTABLE"):
        assert type(problem({"detail": "x", "error": name}, 500)) is ServiceError


def test_the_command_line_asks_a_service_as_it_asks_an_index(service: str, home: Path) -> None:
    url, place = f"{service}/notes", home / "notes"
    for words in (
        ["harbour", "in", "winter", "-k", 3],
        ["soup", "--json", "--explain", "-k", 2],
        ["--key", "long.txt", "--key", "music/00.txt", "-k", 2],
        ["--file", home.parent / "notes" / "long.txt", "-0", "-k", 2],
        ["sail", "--among", "sailing/*", "--threshold", "0.1"],
    ):
        there = command("query", *words, "--index", url)
        assert there == command("query", *words, "--index", place)
        assert there.code == 0
        assert there.out
    picture = home.parent / "pictures" / "disks" / "003.png"
    there = command("query", picture, "--index", f"{service}/pictures", "--no-copies", "--json")
    assert there == command("query", picture, "--index", home / "pictures", "--no-copies", "--json")
    assert command("info", url) == command("info", place)
    assert command("info", "--index", url, "--json").out == command("info", place, "--json").out


def test_the_command_line_lists_what_a_service_has(service: str) -> None:
    listed = command("list", "--index", service)
    lines = listed.out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["pictures", "20", "pictures"],
        ["notes", "26", "documents"],
        ["rows.npy", "30", "vectors"],
    ]
    rows = [
        json.loads(line)
        for line in command("list", "--index", service, "--json").out.split("\n")
        if line
    ]
    assert [row["name"] for row in rows] == ["pictures", "notes", "rows.npy"]


def test_the_command_line_says_in_one_line_what_is_wrong(service: str) -> None:
    for words, code, says in (
        (["query", "soup", "--index", f"{service}/gone"], 1, "there is no index 'gone'"),
        (["query", "soup", "--index", service], 1, "several indexes"),
        (["query", "soup", "--index", "http://127.0.0.1:1/x"], 1, "is it running?"),
        (["query", "--key", "nope", "--index", f"{service}/notes"], 1, "no item 'nope'"),
        (["query", "x.png", "--index", f"{service}/pictures"], 2, "there is no file 'x.png'"),
        (["query", "x", "-o", "a.png", "--index", f"{service}/pictures"], 2, "that are here"),
        (["info", f"{service}/notes", "-o", "a.png"], 2, "a service shows none"),
        (["list", "--index", "photos"], 2, "is no address"),
        (["remove", "x", "--index", f"{service}/notes"], 1, "only query, list and info take one"),
    ):
        answer = command(*words)
        assert (answer.code, answer.out) == (code, ""), answer
        assert says in answer.err
    qwertz = command("query", "soup", "qwertz", "--index", f"{service}/notes")
    assert "aesearch: note: not known here: qwertz\n" in qwertz.err


def test_a_writable_service_adds_removes_and_synchronizes(tmp_path: Path) -> None:
    write_texts(tmp_path / "notes", 2)
    made(tmp_path / "notes", tmp_path / "index").close()
    stages: list[str] = []
    with served(tmp_path / "index", writable=True) as url, aesearch.open(url) as index:
        letter = tmp_path / "letter.txt"
        letter.write_text("a letter of the zoologist about okapis")
        added = index.add({"letters/1": letter, "letters/2": "another letter, about the tapir"})
        assert added == ["letters/1", "letters/2"]
        assert index.search("okapis", 1)[0].key == "letters/1"
        assert index.search("tapir", 1)[0].key == "letters/2"
        assert index.remove(["letters/1"]) == 1
        assert "letters/1" not in index
        assert isinstance(wrong(index, "remove", ["letters/2", "nope"]), UnknownKeyError)
        assert isinstance(wrong(index, "remove", "letters/2"), ParameterError)
        assert isinstance(wrong(index, "add", [letter]), UnsupportedError)
        assert isinstance(wrong(index, "add", {"x": b""}), ContentError)
        assert "letters/2" in index
        (tmp_path / "notes" / "new.txt").write_text("the axolotl of the laboratory")
        counts = index.sync(lambda stage, *_: stages.append(stage))
        assert counts["new"] == 1
        assert stages
        assert index.search("axolotl", 1)[0].key == "new.txt"
    with served(tmp_path / "index") as url, aesearch.open(url) as index:
        error = wrong(index, "remove", ["new.txt"])
        assert isinstance(error, ServiceError)
        assert error.status == 403
        assert "only reads" in str(error)
        assert "new.txt" in index


def test_what_is_added_is_sent_in_portions() -> None:
    parts = {str(n): {"image": "x" * 10} for n in range(2 * MOST + 1)}
    sizes = [len(portion) for portion in portions(parts)]
    assert sizes == [MOST, MOST, 1]
    large = {str(n): {"image": "x" * (LARGEST // 2)} for n in range(5)}
    assert [list(portion) for portion in portions(large)] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_job_that_failed_or_was_cancelled_is_an_error() -> None:
    job = {"id": "1", "does": "add", "ended_at": 1.0, "state": "failed"}
    job["problem"] = {"detail": "the disk is full", "error": "StorageError", "status": 503}
    with pytest.raises(StorageError, match="the disk is full"):
        ended(None, job)  # type: ignore[arg-type]
    with pytest.raises(ServiceError, match="was cancelled"):
        ended(None, {**job, "state": "cancelled"})  # type: ignore[arg-type]
