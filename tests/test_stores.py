"""LangChain's and Haystack's own tests of what plugs into them."""

from __future__ import annotations

import os

import numpy as np
import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # tests are offline

import aesearch
from aesearch.errors import ParameterError
from aesearch.integrations.shelf import Kept, Shelf

pytest.importorskip("langchain_tests")
pytest.importorskip("haystack")

from haystack import Document, Pipeline
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.testing.document_store import DocumentStoreBaseTests
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_tests.integration_tests import (
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)

from aesearch.integrations.haystack import AesearchDocumentStore, AesearchEmbeddingRetriever
from aesearch.integrations.langchain import AesearchRetriever, AesearchVectorStore

TEXTS = [f"note {n} about {('engines', 'satellites')[n % 2]} number{n}" for n in range(12)]


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    place = tmp_path_factory.mktemp("notes") / "i"
    aesearch.build(TEXTS, place, budget=0).close()
    return place


class TestLangChainRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _made(self, notes):
        self.notes = notes

    @property
    def retriever_constructor(self):
        return AesearchRetriever

    @property
    def retriever_constructor_params(self):
        return {"index": str(self.notes)}

    @property
    def retriever_query_example(self):
        return "engines"


class TestLangChainVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path):
        store = AesearchVectorStore(tmp_path / "store", self.get_embeddings())
        yield store
        store.close()


class TestHaystackStore(DocumentStoreBaseTests):
    @pytest.fixture
    def document_store(self, tmp_path):
        store = AesearchDocumentStore(tmp_path / "store")
        yield store
        store.close()

    def assert_documents_are_equal(self, received, expected):
        """Embeddings are kept in single precision, and documents in the order of their ids."""
        received, expected = (sorted(each, key=lambda one: one.id) for each in (received, expected))
        assert len(received) == len(expected)
        for one, other in zip(received, expected, strict=True):
            assert (one.embedding is None) == (other.embedding is None)
            if one.embedding is not None:
                np.testing.assert_allclose(one.embedding, other.embedding, rtol=1e-6)
            own, its = (each.to_dict(flatten=False) for each in (one, other))
            assert {**own, "embedding": None} == {**its, "embedding": None}

    def test_write_documents(self, document_store):
        assert document_store.write_documents([Document(content="one")]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([Document(content="one")])
        assert document_store.count_documents() == 1


def test_what_nobody_knows_is_refused(notes, tmp_path):
    retriever = AesearchRetriever(index=notes)
    assert len(retriever.invoke("engines", k=2)) == 2
    assert [one.metadata["key"] for one in retriever.invoke("engines", among=["4"])] == ["4"]
    with pytest.raises(ParameterError, match="no argument 'top_k'"):
        retriever.invoke("engines", top_k=2)
    store = AesearchVectorStore(tmp_path / "store", DeterministicFakeEmbedding(size=4))
    with pytest.raises(ParameterError, match="no argument 'filter'"):
        store.similarity_search("engines", filter={})
    store.close()


def test_a_vector_store_is_opened_again(tmp_path):
    embedding = DeterministicFakeEmbedding(size=8)
    first = AesearchVectorStore.from_texts(
        TEXTS,
        embedding,
        [{"n": n} for n in range(12)],
        ids=list("abcdefghijkl"),
        index=tmp_path / "s",
    )
    found = first.similarity_search_with_score(TEXTS[3], k=2)
    first.close()
    again = AesearchVectorStore(tmp_path / "s", embedding)
    assert again.similarity_search_with_score(TEXTS[3], k=2) == found
    assert (found[0][0].id, found[0][0].metadata) == ("d", {"n": 3})
    assert found[0][1] == pytest.approx(1, abs=1e-5)
    assert [one.id for one in again.similarity_search(TEXTS[3], among=["a", "[bc]"])] != []
    assert {one.id for one in again.similarity_search(TEXTS[3], among=["a", "[bc]"])} == set("abc")
    again.delete()
    assert again.similarity_search(TEXTS[3]) == []
    again.close()


def test_a_pipeline_retrieves_by_embeddings_and_filters(tmp_path):
    store = AesearchDocumentStore(tmp_path / "store")
    vectors = np.random.default_rng(0).standard_normal((6, 5))
    documents = [
        Document(id=str(n), content=TEXTS[n], meta={"year": 1700 + n}, embedding=vector.tolist())
        for n, vector in enumerate(vectors)
    ]
    store.write_documents([*documents, Document(id="plain", content="without an embedding")])
    pipeline = Pipeline()
    pipeline.add_component("retriever", AesearchEmbeddingRetriever(store, top_k=2))
    trusted = ["aesearch.integrations.haystack"]
    pipeline = Pipeline.loads(pipeline.dumps(), allowed_modules=trusted)
    query = {"query_embedding": vectors[4].tolist()}
    found = pipeline.run({"retriever": query})["retriever"]["documents"]
    assert found[0].id == "4"
    assert found[0].score == pytest.approx(1, abs=1e-5)
    early = {"field": "meta.year", "operator": "<", "value": 1703}
    found = pipeline.run({"retriever": {**query, "filters": early, "top_k": 6}})
    assert {one.id for one in found["retriever"]["documents"]} == {"0", "1", "2"}
    store.close()


def test_a_shelf_goes_on_after_a_crash(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path / "s")
    shelf.put({"a": Kept({"n": 1}, [1.0, 0]), "b": Kept({"n": 2}, [0.0, 1])})
    monkeypatch.setattr(Shelf, "_bring", lambda _self: None)  # as if the power failed
    shelf.put({"c": Kept({"n": 3}, [1.0, 1])})
    shelf.delete(["a"])
    shelf.close()
    monkeypatch.undo()
    again = Shelf(tmp_path / "s")
    assert [id for id, _, _ in again.search([1.0, 0], k=3)] == ["c", "b"]
    assert len(again) == 2
    again.close()


@pytest.mark.parametrize("vector", [[1.0, 2, 3], [0.0, 0], [float("nan"), 1]])
def test_a_vector_that_does_not_fit_changes_nothing(tmp_path, vector):
    shelf = Shelf(tmp_path / "s")
    shelf.put({"a": Kept({"n": 1}, [1.0, 0])})
    with pytest.raises(ParameterError, match="the vector of 'c'"):
        shelf.put({"b": Kept({"n": 2}, [1.0, 1]), "c": Kept({"n": 3}, vector)})
    assert [id for id, _ in shelf] == ["a"]
    shelf.close()
