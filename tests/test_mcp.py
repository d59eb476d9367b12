"""The tools of an assistant: by the package's own client, in memory and over a real process."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from collections_ import command, write_pictures
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image
from serving_ import served
from texts_ import RARE, made, write_texts

import aesearch
from aesearch.search.index import Index
from aesearch.service.mcp import MOST_HITS, server_of
from aesearch.service.mcp_answers import LONGEST, MOST_PICTURES, THUMBNAIL
from aesearch.service.options import Tokens
from aesearch.service.shelf import Shelf

ROOT = Path(__file__).parents[1]
TOOLS = {"list_indexes", "search_images", "search_documents", "similar", "explain"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mcp")
    write_pictures(root / "pictures", 20)
    write_texts(root / "notes", 4)
    for name in ("pictures", "notes"):
        made(root / name, root / "home" / name).close()
    Image.effect_noise((32, 32), 90).convert("RGB").save(root / "secret.png")
    return root / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[Shelf]:
    indexes = Shelf([home / "pictures", home / "notes"])
    yield indexes
    indexes.close()


async def ask(opened: Shelf, tool: str, /, allowed: Any = (), **arguments: Any) -> CallToolResult:
    async with Client(server_of(opened, allowed)) as client:
        return await client.call_tool(tool, arguments)


async def hits_of(opened: Shelf, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    answer = await ask(opened, tool, **arguments)
    assert not answer.is_error, answer.content
    assert answer.structured_content is not None
    hits: list[dict[str, Any]] = answer.structured_content["hits"]
    return hits


async def refused(opened: Shelf, tool: str, **arguments: Any) -> str:
    answer = await ask(opened, tool, **arguments)
    assert answer.is_error
    [said] = answer.content
    assert isinstance(said, TextContent)
    assert "\n" not in said.text
    assert "Traceback" not in said.text
    return said.text


def expected(found: list[aesearch.Hit]) -> list[tuple[str, float]]:
    return [(hit.key, round(hit.score, 6)) for hit in found]


def told(hits: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(hit["key"], hit["score"]) for hit in hits]


async def test_all_tools_only_read_and_say_what_they_take(opened: Shelf) -> None:
    async with Client(server_of(opened)) as client:
        tools = (await client.list_tools()).tools
        assert client.server_info.name == "aesearch"
        assert client.server_info.version == aesearch.__version__
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert not tool.annotations.destructive_hint
        assert tool.description
        assert tool.output_schema
        assert "self" not in tool.input_schema["properties"]
        for name, takes in tool.input_schema["properties"].items():
            assert takes.get("description"), f"{tool.name}: {name}"


async def test_indexes_are_listed_and_a_broken_one_says_why(opened: Shelf, home: Path) -> None:
    answer = await ask(opened, "list_indexes")
    assert answer.structured_content == {
        "indexes": [
            {"name": name, "kind": kind, "items": items, "error": None}
            | {"source": str(home.parent / name)}
            for name, kind, items in (("pictures", "images", 20), ("notes", "texts", 16))
        ]
    }


async def test_a_picture_is_found_by_path_base64_and_key(opened: Shelf, home: Path) -> None:
    key, source = "disks/003.png", home.parent / "pictures"
    with Index(home / "pictures") as index:
        wanted = expected(index.search(source / key, 3))
    raw = base64.b64encode((source / key).read_bytes()).decode()
    for query in (
        {"path": key},
        {"path": str(source / key)},
        {"image": raw},
        {"image": f"data:image/png;base64,{raw}"},
    ):
        hits = await hits_of(opened, "search_images", k=3, **query)
        assert told(hits) == wanted
        assert hits[0]["same"] == "unchanged"
        assert hits[0]["label"] == "disks"
        assert hits[0]["path"] == str(source / key)
    with Index(home / "pictures") as index:
        wanted = expected(index.similar(key, 3, among="stripes/*"))
    for chosen in ({"among": ["stripes/*"]}, {"where": "label = stripes"}):
        assert told(await hits_of(opened, "search_images", key=key, k=3, **chosen)) == wanted


async def test_thumbnails_are_small_pictures_of_the_hits(opened: Shelf) -> None:
    answer = await ask(opened, "similar", index="pictures", key="disks/000.png", thumbnails=True)
    pictures = [part for part in answer.content if isinstance(part, ImageContent)]
    said = [part.text for part in answer.content if isinstance(part, TextContent)]
    hits = json.loads(said[0])["hits"]
    assert said[1:] == [hit["key"] for hit in hits]
    assert len(pictures) == len(hits) == 10 <= MOST_PICTURES
    for part in pictures:
        with Image.open(io.BytesIO(base64.b64decode(part.data))) as shown:
            assert (shown.format, part.mime_type) == ("JPEG", "image/jpeg")
            assert max(shown.size) <= THUMBNAIL
    plain = await ask(opened, "similar", index="pictures", key="disks/000.png")
    assert [type(part) for part in plain.content] == [TextContent]


async def test_documents_have_title_and_snippet_and_unknown_words_are_noted(
    opened: Shelf, home: Path
) -> None:
    answer = await ask(opened, "search_documents", text=f"{RARE['music']} qwertz", k=2)
    assert answer.structured_content is not None
    hits = answer.structured_content["hits"]
    with Index(home / "notes") as index:
        assert told(hits) == expected(index.search(f"{RARE['music']} qwertz", 2))
    assert hits[0]["key"] == "music/00.txt"
    assert hits[0]["label"] == "music"
    assert "oboe" in hits[0]["snippet"]
    assert hits[0]["title"]
    assert answer.structured_content["notes"] == ["not known here: qwertz"]


async def test_what_is_explained_is_what_the_library_says(opened: Shelf, home: Path) -> None:
    with Index(home / "notes") as index:
        why = index.explain("soup", "cooking/00.txt").as_dict()
        other = index.explain_similar("cooking/01.txt", "cooking/00.txt", 3).as_dict()
    answer = await ask(opened, "explain", key="cooking/00.txt", text="soup")
    expect = {"index": "notes", "borrowed": [], **why}
    assert answer.structured_content == expect
    answer = await ask(opened, "explain", key="cooking/00.txt", other="cooking/01.txt", top=3)
    assert answer.structured_content == {"index": "notes", "borrowed": [], **other}


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("similar", {"key": "nope", "index": "notes"}, "there is no item 'nope' in notes"),
        ("similar", {"key": "nope"}, "several indexes fit: pictures, notes"),
        ("similar", {"key": "x", "index": "gone"}, "there is no index 'gone' here"),
        ("search_documents", {"text": "soup", "where": "nope = 1"}, "nope"),
        ("search_documents", {"text": ""}, "the text is empty"),
        ("search_documents", {"text": "soup", "k": MOST_HITS + 1}, "k: Input should be less"),
        ("search_documents", {"text": "soup", "k": 0}, "k: Input should be greater"),
        ("search_documents", {"text": "s" * 20_001}, "text: String should have at most 20000"),
        ("search_documents", {"text": "soup", "index": "pictures"}, "is an index of pictures"),
        ("search_images", {}, "give one of path, image and key"),
        ("search_images", {"key": "a", "image": "b"}, "give one of path, image and key"),
        ("search_images", {"image": "%%"}, "the base64 cannot be read"),
        ("search_images", {"image": "aGVsbG8="}, "not a picture"),
        ("search_images", {"path": "disks"}, "Is a directory"),
        ("search_images", {"path": "disks/999.png"}, "there is no such file"),
        ("search_images", {"path": "a\0b"}, "may not be read"),
        ("explain", {"key": "cooking/00.txt"}, "give one of text and other"),
        ("explain", {"key": "nope", "text": "soup"}, "there is no item 'nope'"),
    ],
)
async def test_what_is_wrong_is_one_line(
    opened: Shelf, tool: str, arguments: dict[str, Any], says: str
) -> None:
    if arguments.get("path") == "a\0b":
        says = "is no path that can be followed"
    assert says in await refused(opened, tool, **arguments)


async def test_a_path_outside_of_what_was_indexed_or_allowed_is_not_read(
    opened: Shelf, home: Path
) -> None:
    secret = home.parent / "secret.png"
    (home.parent / "pictures" / "link").symlink_to(secret)
    said = [
        await refused(opened, "search_images", path=path)
        for path in (
            str(secret),
            "../secret.png",
            "disks/../../secret.png",
            "link",
            str(home.parent / "not there.png"),
            str(home.parent / "pictures2"),
            "~/secret.png/../../../secret.png",
        )
    ]
    (home.parent / "pictures" / "link").unlink()
    assert all("may not be read" in one for one in said)
    assert len({one.partition("'")[2].partition("'")[2] for one in said}) == 1  # as if none existed
    answer = await ask(opened, "search_images", allowed=[home.parent], path=str(secret), k=1)
    assert not answer.is_error
    async with Client(server_of(opened, sources=False)) as client:
        answer = await client.call_tool("search_images", {"path": "disks/000.png"})
    assert answer.is_error
    assert "no path is read here" in str(answer.content[0])


async def test_no_thumbnail_shows_what_lies_outside(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 6)
    hidden = tmp_path / "hidden.png"
    Image.effect_noise((32, 32), 90).convert("RGB").save(hidden)
    made(tmp_path / "pictures", tmp_path / "index").close()
    inside = tmp_path / "pictures" / "disks" / "000.png"
    inside.unlink()
    inside.symlink_to(hidden)  # after it was indexed: what is there now is no item
    opened = Shelf([tmp_path / "index"])
    answer = await ask(opened, "similar", key="disks/000.png", k=2, thumbnails=True)
    opened.close()
    inside.unlink()
    inside.symlink_to(inside)
    opened_again = Shelf([tmp_path / "index"])
    looping = await ask(opened_again, "similar", key="disks/000.png", k=2, thumbnails=True)
    opened_again.close()
    assert looping == answer
    assert len([part for part in answer.content if isinstance(part, ImageContent)]) == 1
    assert answer.structured_content is not None
    assert answer.structured_content["notes"] == [
        f"no thumbnail of disks/000.png: 'disks/000.png' lies outside of {tmp_path / 'pictures'}, "
        "and is not served"
    ]


async def test_fields_are_told_and_long_ones_clipped(tmp_path: Path) -> None:
    rows = [{"text": f"okapi {n}", "year": 1700 + n, "notes": "x" * 2000} for n in range(4)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made(tmp_path / "t.jsonl", tmp_path / "index").close()
    opened = Shelf([tmp_path / "index"])
    hits = await hits_of(opened, "search_documents", text="okapi", where="year = 1702")
    opened.close()
    assert [hit["fields"]["year"] for hit in hits] == [1702]
    assert len(hits[0]["fields"]["notes"]) == LONGEST
    assert hits[0]["fields"]["notes"].endswith("...")


async def test_an_index_that_was_replaced_is_followed(tmp_path: Path) -> None:
    write_texts(tmp_path / "notes", 2)
    made(tmp_path / "notes", tmp_path / "index").close()
    opened = Shelf([tmp_path / "index"])
    with opened.lease("index") as index:
        assert len(index) == 8
    (tmp_path / "index").rename(tmp_path / "old")
    (tmp_path / "notes" / "music" / "00.txt").unlink()
    made(tmp_path / "notes", tmp_path / "index").close()
    answer = await ask(opened, "list_indexes")
    opened.close()
    assert answer.structured_content is not None
    assert [one["items"] for one in answer.structured_content["indexes"]] == [7]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "AESEARCH_HOME": str(home)}


async def test_a_process_answers_on_standard_output_and_says_nothing_else(home: Path) -> None:
    process = StdioServerParameters(
        command=sys.executable, args=["-m", "aesearch", "mcp"], env=environment(home)
    )
    async with Client(process) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        answer = await client.call_tool("search_documents", {"text": RARE["sailing"], "k": 1})
    assert answer.structured_content is not None
    assert [hit["key"] for hit in answer.structured_content["hits"]] == ["sailing/00.txt"]


def test_the_command_ends_with_its_input_and_prints_only_the_protocol(home: Path) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
    asked["params"] = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    done = subprocess.run(
        [sys.executable, "-m", "aesearch", "mcp", str(home / "notes")],
        input=f"no json\n{json.dumps(asked)}\n",
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(home),
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    [answer] = [line for line in lines if line.get("id") == 1]
    assert answer["result"]["serverInfo"]["name"] == "aesearch"


def test_what_cannot_be_served_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = command("mcp", home / "gone")
    assert (answer.code, answer.out) == (1, "")
    assert "there is no index" in answer.err
    assert command("mcp", "--allow", home / "gone").code == 2
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    monkeypatch.delitem(sys.modules, "aesearch.service.mcp")
    answer = command("mcp", home / "notes")
    assert answer.code == 1
    assert answer.err == "aesearch: mcp needs pip install 'aesearch[mcp]'\n"


async def test_a_server_offers_the_tools_behind_its_guards(home: Path) -> None:
    tokens = Tokens.of("a-token-of-letters-that-nobody-guesses", None)
    with served(home / "pictures", home / "notes") as url:
        async with Client(f"{url}/mcp") as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            found = await client.call_tool("search_documents", {"text": RARE["music"], "k": 1})
            small = await client.call_tool(
                "similar", {"index": "pictures", "key": "disks/000.png", "thumbnails": True}
            )
            gone = await client.call_tool("similar", {"index": "notes", "key": "nope"})
            path = str(home.parent / "pictures" / "disks" / "000.png")
            read = await client.call_tool("search_images", {"path": path})
        assert found.structured_content is not None
        assert found.structured_content["hits"][0]["key"] == "music/00.txt"
        assert len([part for part in small.content if isinstance(part, ImageContent)]) == 10
        assert gone.is_error
        assert "there is no item 'nope' in notes" in str(gone.content[0])
        assert read.is_error
        assert "no path is read here" in str(read.content[0])
        evil = {"Host": "evil.example"}, {"Origin": "http://evil.example"}
        for headers, status in zip(evil, (400, 403), strict=True):
            answer = httpx.post(f"{url}/mcp", json={}, headers=headers)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
        assert httpx.get(f"{url}/mcp").status_code == 405
    with served(home / "notes", tokens=tokens) as url:
        answer = httpx.post(f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
