"""The parts of the benchmark of typed search: threads, what is rare, metrics and baselines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from aesearch.search.bm25 import Words
from benchmarks.text_sets import Judged
from benchmarks.typed import indexes
from benchmarks.typed.baselines import Bm25, log_entropy, lsa, tokens_of
from benchmarks.typed.indexes import Shelf, checksum
from benchmarks.typed.logs import log_lines
from benchmarks.typed.quality import _compared, mean_ratio
from benchmarks.typed.rare import LOGS, MESSAGES, Texts
from benchmarks.typed.sets import SETS, write_table
from benchmarks.typed.speed import LONG, PIECES, recombined
from benchmarks.typed.threads import plain_subject, sampled, threads, without_subject
from benchmarks.typed.ways import without_borrowed


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Re: Graphics library", "Graphics library"),
        ("RE: re: Fwd: Graphics  library ", "Graphics library"),
        ("Re^2: Re[3]: Re (2): Graphics library", "Graphics library"),
        ("Another name (was: Re: Graphics library)", "Another name"),
        ("Rewards: what are they?", "Rewards: what are they?"),
        ("What it was like", "What it was like"),
        ("Re:", ""),
    ],
)
def test_a_subject_without_signs_of_a_reply(written: str, plain: str) -> None:
    assert plain_subject(written) == plain


def test_the_subject_is_taken_out_of_a_mail() -> None:
    text = "Re: Old cars\n\nFrom: someone\n> Subject: Old cars\nI like old cars.\nRe: and more"
    assert without_subject(text, "Re: Old cars") == "From: someone\n\nI like old cars."
    assert without_subject("only a body", "") == "only a body"


def test_threads_are_messages_of_one_subject() -> None:
    subjects = [
        "Old cars", "help", "Re: old cars", "Help", "help", "RE: Old  cars", "New boats",
        "Re: New boats", "Old cars (was: trains)",
    ]  # fmt: skip
    (found,) = threads(subjects)  # "help" is one word, and two messages are no thread
    assert (found.subject, found.asker, found.others) == ("Old cars", 0, [2, 5, 8])
    assert threads(["Old cars"] * 51) == []


def test_threads_are_drawn_in_their_order() -> None:
    found = threads([f"subject of the {'abcdefgh'[n % 8] * 3}" for n in range(24)])
    some = sampled(found, 5, 0)
    assert len(some) == 5
    assert [one.asker for one in some] == sorted(one.asker for one in some)
    assert some == sampled(found, 5, 0)


@pytest.mark.parametrize(
    ("kinds", "kind", "text", "found"),
    [
        (
            MESSAGES,
            "mail addresses",
            "write to ada.king2@maths.ox.ac.uk, not to <1993Apr20.031840.18636@host.edu>",
            ["ada.king2@maths.ox.ac.uk"],
        ),
        (MESSAGES, "numbers", "room 1234, 12 men, 3.5 or 1,234.5, x99999", ["1234", "1,234.5"]),
        (MESSAGES, "part names", "AB-1234 or GTP-500II, not AB-1", ["AB-1234", "GTP-500II"]),
        (
            MESSAGES,
            "paths",
            "see /usr/local/bin and ftp://host/pub/a, and/or /etc.",
            ["/usr/local/bin"],
        ),
        (MESSAGES, "hexadecimal", "0x1F2e, 00ff9a, DEAD1F, decade", ["0x1F2e", "00ff9a", "DEAD1F"]),
        (
            MESSAGES,
            "personal names",
            "ada@host (Ada B. King) writes:\nkit (the cat) wrote",
            ["Ada B. King"],
        ),
        (LOGS, "addresses (10.0.0.17)", "ip=10.0.0.17 v1.2.3", ["10.0.0.17"]),
        (LOGS, "ids (blk_-1608, user-42)", "blk_-1608 user-42 auser-1", ["blk_-1608", "user-42"]),
        (LOGS, "hexadecimal", "id=00000fff n=12345678", ["00000fff"]),
        (LOGS, "paths", "/var/log/disk-12.log", ["/var/log/disk-12.log"]),
        (LOGS, "numbers", "bytes 123456 app[1000] blk_1608 10.0.0.1700", ["123456", "1000"]),
        (LOGS, "names", "by Ada Kirley id=1", ["Ada Kirley"]),
    ],
)  # fmt: skip
def test_what_each_kind_finds(
    kinds: dict[str, re.Pattern[str]], kind: str, text: str, found: list[str]
) -> None:
    assert kinds[kind].findall(text) == found


def test_rare_is_what_one_or_two_texts_hold_whole() -> None:
    texts = Texts({"a": "AB-12 and CD-34", "b": "ab-12, CD-34", "c": "AB-123 CD-34", "d": "EF-56"})
    assert texts.holders("AB-12", 2) == ["a", "b"]
    assert texts.holders("CD-34", 1) == ["a", "b"]  # one more than was asked for, and no more
    found = texts.rare(MESSAGES["part names"], 10)
    assert found == {"AB-12": ["a", "b"], "AB-123": ["c"], "EF-56": ["d"]}
    assert len(texts.rare(MESSAGES["part names"], 2)) == 2


def test_lines_of_logs_hold_all_kinds() -> None:
    lines = log_lines(200)
    assert lines == log_lines(200)
    assert all(LOGS["addresses (10.0.0.17)"].search(line) for line in lines)
    for pattern in LOGS.values():
        assert sum(bool(pattern.search(line)) for line in lines) > 30


def test_metrics_by_query() -> None:
    grades = np.array([[2, 0, 1, 0], [0, 0, 0, 1]], dtype=np.int8)
    found = Judged(["a", "b", "c", "d"], ["x", "y"], grades, list("abcd"), Path("none"))
    values = found.values([np.array([1, 0, 2]), np.array([0, 1], dtype=np.int64)])
    assert values["MAP"] == pytest.approx([(1 / 2 + 2 / 3) / 2, 0])
    assert values["MRR"] == pytest.approx([1 / 2, 0])
    gain = (2 / np.log2(3) + 1 / np.log2(4)) / (2 + 1 / np.log2(3))
    assert values["nDCG@10"] == pytest.approx([gain, 0])
    assert found.mean_of_rankings([np.arange(4), np.array([3])]) == pytest.approx((5 / 6 + 1) / 2)


def test_the_default_is_compared_with_the_better_baseline() -> None:
    def reaching(value: float) -> dict[str, np.ndarray]:
        return {"MRR": np.full(8, value)}

    line = _compared(SETS["r8"], reaching(0.6), {"one": reaching(0.4), "other": reaching(0.5)})
    assert (line["better baseline"], line["queries"]) == ("other", 8)
    assert line["ratio"] == pytest.approx(1.2)
    assert line["difference, 95 %"] == "+0.100 to +0.100"
    assert mean_ratio([line, line | {"ratio": 1.0}]) == pytest.approx(1.1)


def test_chinese_is_cut_into_characters_and_pairs() -> None:
    found = tokens_of(["黑豹队 的 NFL 308分"], "chinese")
    assert found == [["黑", "豹", "队", "黑豹", "豹队", "的", "nfl", "308", "分"]]


def test_stems_without_stop_words() -> None:
    pytest.importorskip("Stemmer")
    assert tokens_of(["The connections and the houses"], "english") == [["connect", "hous"]]
    assert tokens_of(["und die Häuser"], "german") == [["haus"]]


def test_bm25s_leaves_out_what_holds_no_term() -> None:
    found = Bm25([["red", "car"], ["boat"], ["red", "red", "boat"]])
    both, none = found.rankings([["red", "boat"], ["train"]], 10)
    assert both[0] == 2
    assert sorted(both.tolist()) == [0, 1, 2]
    assert none.tolist() == []


def test_log_entropy_of_a_term() -> None:
    counts = csr_matrix(np.array([[1.0, 3.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]))
    assert log_entropy(counts) == pytest.approx([0, 1, 1 - np.log(2) / np.log(3)])


def test_lsa_finds_what_shares_neighbors() -> None:
    rng = np.random.default_rng(0)
    topics = [[f"{name}{n}" for n in range(20)] for name in "ab"]
    documents = [rng.choice(topics[n % 2], 8).tolist() for n in range(120)]
    found = dict(lsa(documents, [["a0", "a1"]], 60))
    assert set(found) == {"tf-idf, 39", "log-entropy, 39"}
    for (ranked,) in found.values():
        assert np.mean(ranked[:20] % 2 == 0) > 0.8


def test_a_table_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    write_table(path, ["a"], ["one"])
    before = path.stat().st_mtime_ns
    write_table(path, ["a"], ["one"])
    assert path.stat().st_mtime_ns == before
    write_table(path, ["a"], ["two"])
    assert path.read_text(encoding="utf-8") == '{"id": "a", "text": "two"}\n'


def test_an_index_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.jsonl"
    write_table(table, ["a", "b"], ["red cars drive", "blue boats sail"])
    shelf = Shelf(tmp_path, 0)
    with shelf.index("small", table, checksum("content")) as index:
        assert len(index) == 2
        place = index.folder.layout.root
    with shelf.index("small", table, checksum("content")) as index:
        assert index.folder.layout.root == place
    with shelf.index("small", table, checksum("other content")) as index:
        assert index.folder.layout.root != place
    monkeypatch.setattr(indexes, "code_version", lambda: "another")
    with Shelf(tmp_path, 0, reuse=True).index("small", table, checksum("content")) as index:
        assert index.folder.layout.root == place
    with shelf.index("small", table, checksum("content")) as index:
        assert index.folder.layout.root.name.endswith("-another")


def test_documents_are_cut_from_two_messages() -> None:
    texts = [" ".join(f"{name}{n}" for n in range(90)) for name in "abc"] + ["too short"]
    found = list(recombined(texts, 5, 0))
    assert found == list(recombined(texts, 5, 0))
    for text in found:
        pieces = text.split("\n\n")
        assert len(pieces) == PIECES
        assert all(len(piece.split()) == LONG and piece in "\n".join(texts) for piece in pieces)


def test_a_lexical_index_without_borrowed_words() -> None:
    words = Words.build([(3, ["red", "car"]), (5, ["red", "boat"]), (8, ["boat"])])
    assert without_borrowed(words) is None
    starts = words.starts  # of boat, car and red, in this order
    ends = starts[1:] - np.array([0, 0, 1])  # as if the last document with red borrowed it
    words.own_ends = ends
    plain = without_borrowed(words)
    assert plain is not None
    assert len(plain.scores) == len(words.scores) - 1
    assert plain.search(["red"], 5)[0].tolist() == [3]
    assert sorted(plain.search(["boat"], 5)[0].tolist()) == [5, 8]
    assert sorted(words.search(["red"], 5)[0].tolist()) == [3, 5]
