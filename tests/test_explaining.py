"""Why a document was found: the terms add up to what they claim."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from texts_ import NAMES, TOPICS, made, make_text, write_texts

from aesearch.errors import ContentError, UnknownKeyError
from aesearch.search.explain import Explanation, Term, explain
from aesearch.search.index import Index

ALL = 10_000


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("explaining").resolve()
    write_texts(root / "docs", per_topic=8)
    return made(root / "docs", root / "index")


def cosine(index: Index, one: str, other: str) -> float:
    rows = index.features.transform([one, other]).toarray()
    return float(rows[0] @ rows[1] / np.prod(np.linalg.norm(rows, axis=1)))


@pytest.mark.parametrize("topic", NAMES)
def test_shared_words_sum_to_the_cosine_of_the_weighted_words(topic: str, index: Index) -> None:
    query = make_text(topic, 300)
    for key in (f"{topic}/01.txt", f"{topic}/02.txt", "music/03.txt"):
        why = index.explain(query, key, top=ALL)
        total = sum(term.weight for term in why.shared)
        assert total == pytest.approx(cosine(index, query, index.text_of(key).text), abs=1e-5)
        text = index.text_of(key).text.lower()
        assert all(term.word in text and term.word in query.lower() for term in why.shared)


def test_a_document_shares_everything_with_itself(index: Index) -> None:
    why = index.explain_similar("music/03.txt", "music/03.txt", top=ALL)
    assert sum(term.weight for term in why.shared) == pytest.approx(1, abs=1e-5)
    assert sum(term.weight for term in why.code) == pytest.approx(1, abs=1e-5)


def test_terms_of_the_code_are_shares_and_of_the_topic(index: Index) -> None:
    why = index.explain("violin", "music/03.txt", top=ALL)
    assert sum(term.weight for term in why.code) == pytest.approx(1, abs=1e-5)
    # The query says one word, and yet the code knows others of the topic.
    leading = [term.word for term in why.code[:5]]
    assert set(leading) - {"violin"}
    assert {term.word for term in why.shared} <= {"violin"}
    own = [word for word in leading if word in TOPICS["music"].split()]
    assert len(own) >= 3


def test_the_strongest_come_first_and_not_more_than_wanted(index: Index) -> None:
    query = make_text("gardens", 300)
    everything = index.explain(query, "gardens/01.txt", top=ALL)
    for terms in (everything.shared, everything.code):
        weights = [term.weight for term in terms]
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0
    few = index.explain(query, "gardens/01.txt", top=3)
    assert few == Explanation(everything.shared[:3], everything.code[:3])
    assert index.explain(query, "gardens/01.txt", top=0) == Explanation((), ())


def test_texts_without_anything_in_common(index: Index) -> None:
    why = index.explain("violin", "gardens/01.txt")
    assert why.shared == ()
    assert all(np.isfinite(term.weight) for term in why.code)
    unknown = index.explain("zzzz qqqq", "gardens/01.txt")
    assert unknown.shared == ()
    assert all(np.isfinite(term.weight) for term in unknown.code)


def test_files_bytes_and_keys_are_explained_alike(index: Index) -> None:
    path = Path(index.source / "sailing/02.txt")
    expected = index.explain_similar("sailing/02.txt", "sailing/01.txt")
    assert index.explain(path, "sailing/01.txt") == expected
    assert index.explain(path.read_bytes(), "sailing/01.txt") == expected
    assert index.explain(path.read_text(), "sailing/01.txt") == expected


def test_what_is_not_there_cannot_be_explained(index: Index) -> None:
    with pytest.raises(UnknownKeyError, match="there is no item 'nothing'"):
        index.explain("violin", "nothing")
    with pytest.raises(UnknownKeyError):
        index.explain_similar("nothing", "music/01.txt")
    with pytest.raises(ContentError, match="the text is empty"):
        index.explain(" ", "music/01.txt")


def test_as_json() -> None:
    why = Explanation((Term("café", 0.123456),), ())
    assert json.loads(json.dumps(why.as_dict())) == {
        "shared": [{"word": "café", "weight": 0.1235}],
        "code": [],
    }


def test_weights_of_rows_of_any_length(index: Index) -> None:
    features = index.features
    query, hit = (features.transform([text]) for text in ("violin choir", "violin tenor"))
    longer = query.with_values(query.values * 7)
    one, other = (explain(features, index.encoder, row, hit, ALL) for row in (query, longer))
    assert [term.word for term in one.shared] == ["violin"]
    assert [term.word for term in other.shared] == ["violin"]
    assert one.shared[0].weight == pytest.approx(other.shared[0].weight)


def test_words_that_the_code_does_not_know_are_shared_without_a_weight(tmp_path: Path) -> None:
    write_texts(tmp_path / "docs", per_topic=8)
    with made(tmp_path / "docs", tmp_path / "index") as index:
        text = index.text_of("music/01.txt").text
        index.add({"later": f"{text} zymurgy".encode()})  # a word that came after training
        assert index.explain("zymurgy", "later") == Explanation((Term("zymurgy", 0.0),), ())
        assert index.explain("zymurgy", "gardens/01.txt") == Explanation((), ())
        both = index.explain("violin zymurgy", "later")
        assert both.shared[-1] == Term("zymurgy", 0.0)
        assert both.code
