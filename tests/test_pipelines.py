"""An index as a step of scikit-learn, LangChain and Haystack pipelines."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import write_pictures
from notes_ import snippet, write_notes
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
from sklearn.pipeline import make_pipeline

import aesearch
from aesearch.errors import (
    ContentError,
    EncoderMismatchError,
    IndexNotFoundError,
    ParameterError,
    UnknownKeyError,
)
from aesearch.inference.encoder import FrozenEncoder
from aesearch.integrations.handle import Handle
from aesearch.integrations.sklearn import Codes, Neighbors

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # tests are offline
N = 36


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images` and `texts`, and `indexes` of both: images and notes."""
    root = tmp_path_factory.mktemp("pipelines").resolve()
    write_pictures(root / "images", N)
    write_notes(root / "texts")
    # As many numbers as there are pictures would make all of them equally far from each other.
    aesearch.build(root / "images", root / "indexes/images", {"code_size": 6}, budget=0).close()
    aesearch.build(root / "texts", root / "indexes/notes", budget=0).close()
    return root


@pytest.fixture
def paths(made: Path) -> list[Path]:
    return sorted((made / "images").rglob("*.png"))


def kept_codes(place: Path, keys: list[str]) -> Any:
    with aesearch.open(place) as index:
        ids = index.folder.store.ids_of(keys)
        return np.stack([index.folder.store.codes([ids[key]])[1][0] for key in keys])


# -- scikit-learn: codes ------------------------------------------------------------------------


def test_codes_of_pictures_are_those_in_the_index(made: Path, paths: list[Path]) -> None:
    place = made / "indexes/images"
    keys = [path.relative_to(made / "images").as_posix() for path in paths]
    expected = kept_codes(place, keys)
    codes = Codes(place).fit(paths)
    np.testing.assert_allclose(codes.transform(paths), expected, atol=1e-5)
    names = np.array([[str(path)] for path in paths], dtype=object)  # a column of a table
    np.testing.assert_allclose(codes.transform(names), expected, atol=1e-5)
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    np.testing.assert_allclose(codes.transform(arrays), expected, atol=1e-5)
    by_key = Codes(place, by="key").fit_transform([*keys[::-1], keys[0]])
    np.testing.assert_array_equal(by_key, np.concatenate([expected[::-1], expected[:1]]))
    assert codes.transform([]).shape == (0, codes.n_features_out_)
    assert len(codes.get_feature_names_out()) == codes.n_features_out_ == expected.shape[1]


def test_texts_without_a_known_word_become_zeros(made: Path) -> None:
    codes = Codes(made / "indexes/notes").fit(None)
    found = codes.transform(["a rocket in orbit", "", "qwertz", "  \n", "organ"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 0, 0, 1], atol=1e-5)
    document = made / "texts/space/03.txt"
    expected = kept_codes(made / "indexes/notes", ["space/03.txt"])
    np.testing.assert_allclose(codes.transform([document]), expected, atol=1e-5)
    with pytest.raises(ContentError, match=r"X\[1\]: .*no such file"):
        codes.transform(["orbit", Path("missing.txt")])


def test_an_encoder_with_biases_makes_zeros_too(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trained network gives even an empty row a code, which would mean nothing."""
    encode = FrozenEncoder.encode
    monkeypatch.setattr(FrozenEncoder, "encode", lambda self, X: encode(self, X) + 0.1)
    found = Codes(made / "indexes/notes").fit_transform(["qwertz", "rocket"])
    assert not found[0].any()
    assert found[1].all()


def test_more_samples_than_one_batch(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{word} rocket" for word in ("orbit", "engine", "organ", "crater", "brake")]
    codes = Codes(made / "indexes/notes").fit(texts)
    expected = codes.transform(texts)
    monkeypatch.setattr("aesearch.integrations.sklearn.BATCH", 2)
    np.testing.assert_allclose(codes.transform(texts), expected, atol=1e-6)
    with pytest.raises(ContentError, match=r"X\[3\]"):
        codes.transform([*texts[:3], Path("missing.txt")])


def test_what_cannot_be_a_sample_is_named(made: Path, paths: list[Path], tmp_path: Path) -> None:
    place = made / "indexes/images"
    codes = Codes(place).fit(paths)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no")
    with pytest.raises(ContentError, match=r"X\[1\]: damaged"):
        codes.transform([paths[0], tmp_path / "broken.png"])
    with pytest.raises(UnknownKeyError, match="no item 'x'"):
        Codes(place, by="key").fit_transform(["x"])
    picture = np.asarray(Image.open(paths[0]))
    for wrong in (str(paths[0]), picture, np.array([["a", "b"]])):
        with pytest.raises(ParameterError, match="must be"):
            codes.transform(wrong)
    with pytest.raises(ParameterError, match="by must be"):
        Codes(place, by="name").fit(paths)
    with pytest.raises(IndexNotFoundError):
        Codes(made / "nowhere").fit(paths)
    with pytest.raises(NotFittedError):
        Codes(place).transform(paths)


def test_an_estimator_is_cloned_and_pickled_by_the_place_of_its_index(
    made: Path, paths: list[Path]
) -> None:
    place = made / "indexes/images"
    for one in (Codes(place), Neighbors(place, n_neighbors=3)):
        assert clone(one).get_params() == one.get_params()
        assert one.get_params()["index"] == place
        expected = one.fit(paths).transform(paths[:5])
        for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            found = other.transform(paths[:5])
            assert abs(found - expected).max() == 0
            other.close()
        one.close()
        assert abs(one.transform(paths[:5]) - expected).max() == 0  # opened again
        one.close()


def test_a_name_in_the_home_is_meant_where_it_was_when_fitted(
    made: Path, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    codes = Codes("images").fit(paths)
    expected = codes.transform(paths[:2])
    monkeypatch.chdir(tmp_path)
    codes.close()
    np.testing.assert_array_equal(codes.transform(paths[:2]), expected)


def test_an_index_that_was_trained_anew_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "source", 8)
    paths = sorted((tmp_path / "source").rglob("*.png"))
    aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0).close()
    codes = Codes(tmp_path / "ix").fit(paths)
    assert codes.transform(paths).shape[0] == 8
    write_pictures(tmp_path / "source", 160, first=8)
    aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0, retrain=True).close()
    with pytest.raises(EncoderMismatchError, match="trained anew"):
        codes.transform(paths)
    with pytest.raises(EncoderMismatchError, match="fit again"):
        pickle.loads(pickle.dumps(codes)).transform(paths)
    assert codes.fit(paths).transform(paths).shape[0] == 8


def test_many_threads_get_the_codes_of_one(made: Path, paths: list[Path]) -> None:
    for one in (Codes(made / "indexes/images"), Neighbors(made / "indexes/images")):
        expected = one.fit(paths).transform(paths)
        again = pickle.loads(pickle.dumps(one))  # whose index and engine are still to be opened
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(again.transform, [paths] * 24):
                assert abs(found - expected).max() < 1e-6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_opens_its_own(made: Path) -> None:
    code = (
        "import os, sys; from aesearch.integrations.handle import Handle\n"
        "handle = Handle(sys.argv[1]); first = handle.open(); before = len(first)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    other = handle.open()\n"
        "    os._exit(0 if other is not first and len(other) == before else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0 and handle.open() is first and len(first) == before\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(made / "indexes/images")], check=True, timeout=60
    )


# -- scikit-learn: neighbours ---------------------------------------------------------------------


def clear_choice(fitted: Any, asked: Any, k: int) -> Any:
    """Return for which rows rounding does not choose the last of `k` neighbours."""
    scores = -np.sort(-asked @ fitted.T, axis=1)
    return scores[:, k - 1] - scores[:, k] > 1e-5


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_the_graph_is_that_of_scikit_learn(made: Path, paths: list[Path], mode: str) -> None:
    place = made / "indexes/images"
    codes = Codes(place).fit_transform(paths)
    assert clear_choice(codes[:30], codes, 5).all()  # the item itself, and four others
    theirs = KNeighborsTransformer(n_neighbors=4, mode=mode, metric="cosine")
    ours = Neighbors(place, n_neighbors=4, mode=mode)
    expected = theirs.fit_transform(codes[:30]), theirs.transform(codes[30:])
    found = ours.fit_transform(paths[:30]), ours.transform(paths[30:])
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.nnz == other.nnz
        np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-5)
        rows = one.data.reshape(len(one.indptr) - 1, -1)
        assert (np.diff(rows, axis=1) >= 0).all()  # nearest first, as its users want it
    assert len(ours.get_feature_names_out()) == 30


def test_neighbours_of_the_graph_are_those_of_the_codes(made: Path, paths: list[Path]) -> None:
    place = made / "indexes/images"
    folders = [path.parent.name for path in paths]
    keys = [path.relative_to(made / "images").as_posix() for path in paths]
    codes = Codes(place).fit_transform(paths)
    plain = KNeighborsClassifier(n_neighbors=3, metric="cosine").fit(codes[::2], folders[::2])
    clear = clear_choice(codes[::2], codes[1::2], 3)
    assert clear.mean() > 0.9
    for by, X in (("content", paths), ("key", keys)):
        model = make_pipeline(
            Neighbors(place, n_neighbors=3, by=by),
            KNeighborsClassifier(n_neighbors=3, metric="precomputed"),
        ).fit(X[::2], folders[::2])
        found, expected = model.predict(X[1::2]), plain.predict(codes[1::2])
        assert list(found[clear]) == list(expected[clear])
    scores = cross_val_score(model, keys, folders, cv=3)
    assert len(scores) == 3
    assert not np.isnan(scores).any()


def test_too_few_samples_for_the_neighbours_wanted(made: Path, paths: list[Path]) -> None:
    place = made / "indexes/images"
    assert Neighbors(place, n_neighbors=4).fit_transform(paths[:5]).nnz == 25
    with pytest.raises(ParameterError, match=r"n_neighbors must be .* got 5"):
        Neighbors(place, n_neighbors=5).fit(paths[:5])
    with pytest.raises(ParameterError, match=r"n_neighbors must be .* got 0"):
        Neighbors(place, n_neighbors=0).fit(paths[:5])
    with pytest.raises(ParameterError, match="mode must be"):
        Neighbors(place, mode="none").fit(paths[:5])


# -- documents for what generates answers ----------------------------------------------------------


def test_of_a_long_document_the_passage_is_read(made: Path) -> None:
    handle = Handle(made / "indexes/notes")
    long = "cars/00.txt"
    with aesearch.open(made / "indexes/notes") as index:
        whole = index.text_of(long).text  # type: ignore[attr-defined]
        hits = {hit.key: hit for hit in index.search(whole[3000:3400], N)}
    found = {one.metadata["key"]: one for one in handle.retrieve(whole[3000:3400], N)}
    assert set(found) == set(hits)
    passages = {key for key, hit in hits.items() if hit.passage}  # type: ignore[attr-defined]
    assert passages
    for key, one in found.items():
        assert one.metadata["score"] == pytest.approx(hits[key].score)
        assert one.metadata["path"] == str(made / "texts" / key)
        if key in passages:
            kept = (made / "texts" / key).read_text(encoding="utf-8")
            assert one.text == kept[one.metadata["start"] : one.metadata["stop"]]
            assert len(one.text) < len(kept)
        else:
            assert "start" not in one.metadata
            assert one.text.strip() == (made / "texts" / key).read_text(encoding="utf-8").strip()
    handle.close()


def test_limits_of_what_is_retrieved(made: Path) -> None:
    handle = Handle(made / "indexes/notes")
    found = handle.retrieve("rocket in orbit", 5, among="music/*")
    assert {one.metadata["label"] for one in found} == {"music"}
    assert handle.retrieve("qwertz", 5) == []
    assert handle.retrieve("  ", 5) == []
    best = handle.retrieve("rocket in orbit", 3, hybrid=True)
    assert len(best) == 3
    assert handle.retrieve("rocket in orbit", 3, threshold=2.0) == []
    with pytest.raises(ParameterError, match="k must be at least 1"):
        handle.retrieve("rocket", 0)
    with pytest.raises(ParameterError, match="index of pictures"):
        Handle(made / "indexes/images").retrieve("rocket", 3)
    handle.close()


@pytest.mark.parametrize(
    ("module", "needs"), [("langchain", "langchain_core"), ("haystack", "haystack")]
)
def test_a_missing_extra_is_one_line_that_names_it(
    module: str, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == needs]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, needs, None)
    monkeypatch.delitem(sys.modules, f"aesearch.integrations.{module}", raising=False)
    with pytest.raises(ImportError, match=rf"pip install 'aesearch\[{module}\]'") as caught:
        importlib.import_module(f"aesearch.integrations.{module}")
    assert "\n" not in str(caught.value)


@pytest.fixture
def langchain() -> Any:
    pytest.importorskip("langchain_core")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own
        return importlib.import_module("aesearch.integrations.langchain")


@pytest.fixture
def haystack() -> Any:
    pytest.importorskip("haystack")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("aesearch.integrations.haystack")


QUERIES = ["a rocket in orbit", "organ and choir", "brake and clutch", "qwertz"] * 6


def test_langchain_retrieves_what_a_search_finds(made: Path, langchain: Any) -> None:
    place = made / "indexes/notes"
    retriever = langchain.AesearchRetriever(index=place, k=3)
    with aesearch.open(place) as index:
        hits = index.search(QUERIES[0], 3)
    found = retriever.invoke(QUERIES[0])
    assert [one.metadata["key"] for one in found] == [hit.key for hit in hits]
    assert [one.metadata["score"] for one in found] == pytest.approx([hit.score for hit in hits])
    assert all(one.page_content for one in found)
    expected = [retriever.invoke(query) for query in QUERIES]
    assert retriever.batch(QUERIES, config={"max_concurrency": 8}) == expected
    assert asyncio.run(retriever.abatch(QUERIES)) == expected
    assert expected[3] == []
    again = pickle.loads(pickle.dumps(retriever))
    assert again.invoke(QUERIES[0]) == found
    retriever.close()
    assert retriever.invoke(QUERIES[0]) == found
    limited = langchain.AesearchRetriever(index=str(place), among="cars/*", hybrid=True)
    assert {one.metadata["label"] for one in limited.invoke(QUERIES[0])} == {"cars"}
    for one in (again, retriever, limited):
        one.close()
    with pytest.raises(IndexNotFoundError):
        langchain.AesearchRetriever(index=made / "nowhere")
    with pytest.raises(ParameterError, match="index of pictures"):
        langchain.AesearchRetriever(index=made / "indexes/images").invoke("rocket")


def trust(module: str) -> dict[str, Any]:
    """What newer versions want to be told before they load a component that is not their own."""
    from haystack import Pipeline

    known = "allowed_modules" in inspect.signature(Pipeline.loads).parameters
    return {"allowed_modules": [module]} if known else {}


def test_haystack_retrieves_what_a_search_finds(made: Path, haystack: Any) -> None:
    from haystack import Pipeline

    place = made / "indexes/notes"
    retriever = haystack.AesearchRetriever(place, top_k=3)
    retriever.warm_up()
    with aesearch.open(place) as index:
        hits = index.search(QUERIES[0], 3)
    found = retriever.run(QUERIES[0])["documents"]
    assert [one.meta["key"] for one in found] == [hit.key for hit in hits]
    assert [one.score for one in found] == pytest.approx([hit.score for hit in hits])
    assert all(one.content for one in found)
    assert len(retriever.run(query=QUERIES[0], top_k=1)["documents"]) == 1
    with ThreadPoolExecutor(8) as pool:
        for query, answer in zip(QUERIES, pool.map(retriever.run, QUERIES), strict=True):
            assert answer == retriever.run(query)
    pipeline = Pipeline()
    pipeline.add_component("retriever", retriever)
    again = Pipeline.loads(pipeline.dumps(), **trust("aesearch.integrations.haystack"))
    assert again.run({"retriever": {"query": QUERIES[0]}})["retriever"]["documents"] == found
    limited = haystack.AesearchRetriever(str(place), among="cars/*", threshold=-1.0, hybrid=True)
    copied = haystack.AesearchRetriever.from_dict(limited.to_dict())
    assert copied.limits == limited.limits == {"among": "cars/*", "threshold": -1.0, "hybrid": True}
    assert {one.meta["label"] for one in copied.run(QUERIES[0])["documents"]} == {"cars"}
    with pytest.raises(ParameterError, match="top_k"):
        haystack.AesearchRetriever(place, top_k=0)
    with pytest.raises(ParameterError, match="index of pictures"):
        haystack.AesearchRetriever(made / "indexes/images").run("rocket")
    for one in (retriever, copied):
        one.close()


# -- the snippets of docs/integrations.md ----------------------------------------------------------


def said(title: str, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    monkeypatch.chdir(made)
    exec(compile(snippet("integrations.md", title), "integrations.md", "exec"), {})
    return str(capsys.readouterr().out)


@pytest.mark.parametrize("part", ["codes", "neighbours"])
def test_snippets_for_scikit_learn_run(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, part: str
) -> None:
    out = said(f"scikit-learn: {part}", made, monkeypatch, capsys)
    assert 0 < float(out.split()[0]) <= 1


@pytest.mark.usefixtures("langchain")
def test_snippet_for_langchain_runs(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    lines = said("LangChain", made, monkeypatch, capsys).splitlines()
    assert lines[0].split()[1].startswith("space/")
    assert lines[-1] == "2"


@pytest.mark.usefixtures("langchain")
def test_snippet_for_a_vector_store_runs(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert said("LangChain: vector store", made, monkeypatch, capsys) == "{'year': 1999}\n"


@pytest.mark.usefixtures("haystack")
def test_snippet_for_haystack_runs(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = said("Haystack", made, monkeypatch, capsys)
    assert "rocket" in out.lower().partition("question:")[0]
    assert out.rstrip().endswith("Which rocket was in orbit?")
