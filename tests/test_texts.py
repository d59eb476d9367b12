"""Terms are chosen, counted and weighted as the formulas say, the same for one and for many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from aesearch.errors import ContentError, DamagedError, ParameterError
from aesearch.modalities.texts.features import WEIGHTINGS, TextFeatures, fit_features
from aesearch.modalities.texts.tokenizer import term_of, tokenize
from aesearch.sparse import SparseRows

SUBJECTS = ("planet orbit moon", "engine wheel brake", "goalie puck ice", "choir organ hymn")
FILLING = ["the", "of", "a", "and", "is", "that", "this", "running", "readers", "café"]
FILLING += ["手机店", "1999"]


def texts_of(count: int, seed: int = 0) -> list[str]:
    """Texts of four subjects; the last one has no word."""
    draw = np.random.default_rng(seed)
    texts = []
    for row in range(count - 1):
        words = SUBJECTS[row % 4].split() * 2 + FILLING + [f"only{row}"]
        texts.append(" ".join(draw.choice(words, 30)).capitalize() + ".")
    return [*texts, "-- !"]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return texts_of(120)


@pytest.fixture(scope="module")
def fitted(texts: list[str]) -> tuple[TextFeatures, SparseRows]:
    return fit_features(texts, len(texts))


# -- counting ----------------------------------------------------------------------------------


def test_counts_are_those_of_the_terms(
    texts: list[str], fitted: tuple[TextFeatures, SparseRows]
) -> None:
    features, counts = fitted
    assert features.language == "english"
    assert counts.shape == (120, len(features.terms))
    full = counts.toarray()
    for row, text in enumerate(texts):
        terms = [term_of(token, "english") for token in tokenize(text)]
        np.testing.assert_array_equal(full[row], [terms.count(term) for term in features.terms])
    assert "the" not in features.terms
    assert {"orbit", "手机", "1999", "café"} <= set(features.terms)
    assert all(np.all(np.diff(row.indices) > 0) for row in counts)


def test_a_term_of_one_text_is_kept_among_few(fitted: tuple[TextFeatures, SparseRows]) -> None:
    assert not any(term.startswith("only") for term in fitted[0].terms)
    few, _ = fit_features(texts_of(20), 20)
    assert any(term.startswith("only") for term in few.terms)


def test_those_in_most_texts_are_kept() -> None:
    texts = ["red green blue", "red green", "red", "blue", "red tree trees tree"]
    features, _ = fit_features(texts, 5, vocabulary=3, language="english")
    assert features.terms == ("red", "blue", "green")
    features, counts = fit_features(texts, 5, language="english")
    assert features.terms == ("red", "blue", "green", "tree")
    np.testing.assert_array_equal(counts.toarray()[-1], [1, 0, 0, 3])


def test_words_are_the_commonest_spelling() -> None:
    features, _ = fit_features(
        ["Relations related relations", "Moon relational"], 2, language="english"
    )
    assert dict(zip(features.terms, features.words, strict=True)) == {
        "relat": "relations",
        "moon": "moon",
    }


def test_what_is_behind_the_training_texts_teaches_nothing(texts: list[str]) -> None:
    alone, counts = fit_features(texts[:80], 80)
    passes = []
    features, all_counts = fit_features((passes.append(t) or t for t in texts), 80)
    assert passes == texts  # gone through once, in order
    assert features.terms == alone.terms
    assert features.words == alone.words
    np.testing.assert_array_equal(features.weights, alone.weights)
    np.testing.assert_array_equal(all_counts[:80].toarray(), counts.toarray())
    np.testing.assert_array_equal(all_counts.toarray(), features.count(texts).toarray())


def test_more_texts_than_a_block(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    whole, counts = fit_features(texts, 100)
    monkeypatch.setattr("aesearch.modalities.texts.features.BLOCK", 7)
    features, in_blocks = fit_features(texts, 100)
    assert features.terms == whole.terms
    np.testing.assert_array_equal(in_blocks.toarray(), counts.toarray())


def test_more_spellings_than_are_remembered(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], fitted: tuple[TextFeatures, SparseRows]
) -> None:
    monkeypatch.setattr("aesearch.modalities.texts.features.REMEMBERED", 3)
    features, _ = fit_features(texts, len(texts))
    np.testing.assert_array_equal(features.count(texts).toarray(), fitted[1].toarray())


def test_other_languages_keep_all_words() -> None:
    texts = ["der Hund und die Katze will in das Haus", "die Hunde was so"]
    features, _ = fit_features(texts, 2)
    assert features.language == ""
    assert {"hund", "hunde", "will", "in", "so"} <= set(features.terms)
    forced, _ = fit_features(texts, 2, language="english")
    assert "will" not in forced.terms


# -- weights -----------------------------------------------------------------------------------


def test_tf_idf_is_that_of_scikit_learn(texts: list[str]) -> None:
    features, counts = fit_features(texts, len(texts), weighting="tf-idf")
    theirs = TfidfVectorizer(
        sublinear_tf=True,
        min_df=2,
        analyzer=lambda text: [t for t in (term_of(k, "english") for k in tokenize(text)) if t],
    )
    expected = theirs.fit_transform(texts).toarray()
    columns = [theirs.vocabulary_[term] for term in features.terms]
    assert len(columns) == expected.shape[1]
    np.testing.assert_allclose(features.weigh(counts).toarray(), expected[:, columns], atol=1e-6)


def test_log_entropy_is_the_formula(fitted: tuple[TextFeatures, SparseRows]) -> None:
    features, counts = fitted
    tf = counts.toarray().astype(np.float64)
    p = tf / tf.sum(axis=0)
    entropy = 1 + np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=0) / np.log(120)
    expected = np.log(1 + tf) * entropy
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-30)
    np.testing.assert_allclose(features.weights, entropy, atol=1e-6)
    np.testing.assert_allclose(features.weigh(counts).toarray(), expected, atol=1e-6)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_one_text_alone_is_its_row(weighting: str, texts: list[str]) -> None:
    features, counts = fit_features(texts, 90, weighting=weighting)
    whole = features.weigh(counts)
    for row, text in enumerate(texts):
        alone = features.transform([text])
        assert alone.indices.tobytes() == whole[row : row + 1].indices.tobytes()
        assert alone.values.tobytes() == whole[row : row + 1].values.tobytes()
    assert not whole.toarray()[-1].any()  # zeros stay zeros


def test_rows_have_unit_length(texts: list[str], fitted: tuple[TextFeatures, SparseRows]) -> None:
    lengths = np.linalg.norm(fitted[0].transform(texts).toarray(), axis=1)
    np.testing.assert_allclose(lengths[:-1], 1, atol=1e-6)
    assert lengths[-1] == 0


def test_terms_that_say_nothing_are_no_division_by_zero() -> None:
    features, counts = fit_features(["moon", "moon"], 2)
    assert features.weights == [0]
    assert not features.weigh(counts).toarray().any()
    alone, counts = fit_features(["moon"], 1)
    assert alone.weigh(counts).toarray() == [[1]]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_other_weights_later(weighting: str, texts: list[str]) -> None:
    features, counts = fit_features(texts, len(texts))
    expected, _ = fit_features(texts, len(texts), weighting=weighting)
    later = features.reweighted(weighting, counts)
    assert later.config() == expected.config()
    np.testing.assert_array_equal(later.weights, expected.weights)
    with pytest.raises(ParameterError, match="bm25"):
        features.reweighted("bm25", counts)


# -- nothing, and what is not allowed ----------------------------------------------------------


@pytest.mark.parametrize("texts", [[], [""], ["...", "!"], ["the of and that with this"]], ids=str)
def test_no_terms_at_all(texts: list[str]) -> None:
    features, counts = fit_features(texts, 5)
    assert features.terms == features.words == ()
    assert counts.shape == (len(texts), 0)
    assert features.transform(["moon", ""]).shape == (2, 0)
    assert features.suggest("moon") == []


def test_no_texts_to_count(fitted: tuple[TextFeatures, SparseRows]) -> None:
    assert fitted[0].transform([]).shape == (0, len(fitted[0].terms))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"weighting": "bm25"}, "weighting must be one of .* got 'bm25'"),
        ({"language": "french"}, "got 'french'"),
        ({"vocabulary": 0}, "vocabulary must be at least 1; got 0"),
        ({"training": 0}, "training must be at least 1"),
        ({"texts": "one text"}, "list"),
    ],
)
def test_what_is_not_allowed(arguments: dict[str, Any], match: str) -> None:
    given = {"texts": ["one"], "training": 1, **arguments}
    with pytest.raises(ParameterError, match=match):
        fit_features(given.pop("texts"), given.pop("training"), **given)


def test_counts_of_others_are_refused(fitted: tuple[TextFeatures, SparseRows]) -> None:
    features, counts = fit_features(["moon"], 1)
    with pytest.raises(ParameterError, match="columns"):
        fitted[0].weigh(counts)
    with pytest.raises(ParameterError, match="columns"):
        features.reweighted("tf-idf", fitted[1])
    with pytest.raises(ParameterError, match="list"):
        features.count("moon")


# -- files, snippets, suggestions --------------------------------------------------------------


def test_saved_and_loaded(tmp_path: Path, fitted: tuple[TextFeatures, SparseRows]) -> None:
    features, counts = fitted
    names = features.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    again = TextFeatures.load(tmp_path, features.config())
    assert (again.terms, again.words) == (features.terms, features.words)
    assert again.config() == features.config()
    assert again.weigh(counts).values.tobytes() == features.weigh(counts).values.tobytes()
    empty, _ = fit_features([""], 1)
    empty.save(tmp_path)
    assert TextFeatures.load(tmp_path, empty.config()).terms == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("terms.txt", None),
        ("terms.txt", b"moon\tmoon\n"),
        ("terms.txt", b"\xff" * 20),
        ("term-weights.f32", None),
        ("term-weights.f32", b"\0" * 6),
        ("", None),
    ],
)
def test_damage(
    tmp_path: Path, fitted: tuple[TextFeatures, SparseRows], name: str, content: bytes | None
) -> None:
    features = fitted[0]
    features.save(tmp_path)
    config = features.config()
    if not name:
        del config["weighting"]
    elif content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedError, match="--repair") as caught:
        TextFeatures.load(tmp_path, config)
    assert "\n" not in str(caught.value)


def test_where_known_terms_stand(fitted: tuple[TextFeatures, SparseRows]) -> None:
    features = fitted[0]
    text = "The ORBITS of unheard手机店: Moon\u2019s."
    found = [(features.terms[c], text[start:end]) for c, start, end in features.term_numbers(text)]
    assert found == [("orbit", "ORBITS"), ("手机", "手机"), ("机店", "机店"), ("moon", "Moon")]


def test_suggestions(fitted: tuple[TextFeatures, SparseRows]) -> None:
    features = fitted[0]
    assert features.suggest("Plannet")[0] == "planet"
    assert "engine" in features.suggest("engne wheeel", n=2)
    assert len(features.suggest("engne wheeel plannet", n=1)) == 1
    assert features.suggest("xyzzyx") == features.suggest("手表") == features.suggest("") == []


def test_files_are_read_and_stacked(fitted: tuple[TextFeatures, SparseRows]) -> None:
    features = fitted[0]
    document = features.read(b"The moon's orbit", "a.txt")
    row = features.stack([document])
    np.testing.assert_array_equal(row.toarray(), features.transform(["moon orbit"]).toarray())
    assert features.stack([]).shape == (0, len(features.terms))
    with pytest.raises(ContentError):
        features.read(b"", "a.txt")


def test_a_query_imports_nothing_heavy(
    tmp_path: Path, fitted: tuple[TextFeatures, SparseRows]
) -> None:
    fitted[0].save(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from aesearch.modalities.texts.features import TextFeatures\n"
        f"features = TextFeatures.load(Path({str(tmp_path)!r}), {fitted[0].config()!r})\n"
        "assert features.transform(['the moon 手机']).values.any()\n"
        "print(*{'sklearn', 'scipy', 'torch', 'difflib', 'snowballstemmer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
