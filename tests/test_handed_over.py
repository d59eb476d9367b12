"""What programs hand over: every form that means a collection, or an item, is taken or named."""

import io
import pickle
import threading
from pathlib import Path, PurePath

import numpy as np
import pytest
import torch
from PIL import Image

import aesearch
import aesearch.duplicates.groups
from aesearch.errors import ContentError, MissingExtraError, ParameterError, SourceError

TEXTS = [f"document {n} about {('engines', 'satellites')[n % 2]} number{n}" for n in range(12)]
PIXELS = np.random.default_rng(0).integers(0, 255, (12, 24, 20, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    with aesearch.build(TEXTS, tmp_path_factory.mktemp("texts") / "i", budget=0) as index:
        yield index


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    with aesearch.build(PIXELS, tmp_path_factory.mktemp("pictures") / "i", budget=0) as index:
        yield index


def keys_of(index):
    return sorted((item.key for item in index.items()), key=lambda key: (len(key), key))


def test_build_takes_texts_by_keys(tmp_path):
    contents = {"a/b": TEXTS[0], "c": TEXTS[1], "empty": " "}
    with aesearch.build(contents, tmp_path / "i", budget=0) as index:
        assert keys_of(index) == ["c", "a/b"]
        assert index.search("satellites", k=1)[0].key == "c"
        assert [(one.key, one.reason) for one in index.skipped()] == [("empty", "it is empty")]


@pytest.mark.parametrize("form", [tuple, iter, np.array, lambda texts: (text for text in texts)])
def test_build_takes_texts_one_after_the_other(tmp_path, form):
    with aesearch.build(form(TEXTS), tmp_path / "i", budget=0) as index:
        assert keys_of(index) == [str(n) for n in range(12)]
        assert index.text_of("7").text == TEXTS[7]


def test_build_takes_a_series_by_its_index(tmp_path):
    class Series(list):  # as pandas has it
        index = property(lambda _self: np.arange(5, 17))

        def items(self):
            return zip(self.index, self, strict=True)

    with aesearch.build(Series(TEXTS), tmp_path / "i", budget=0) as index:
        assert keys_of(index)[:2] == ["5", "6"]
        assert index.text_of(5).text == TEXTS[0]


def test_build_again_updates_by_key(tmp_path):
    first, second = {"a": TEXTS[0], "b": TEXTS[1]}, {"a": TEXTS[0], "c": TEXTS[3]}
    aesearch.build(first, tmp_path / "i", budget=0).close()
    with aesearch.build(second, tmp_path / "i", budget=0) as index:
        assert keys_of(index) == ["a", "c"]


@pytest.mark.parametrize(
    "form",
    [
        lambda pixels: [Image.fromarray(one) for one in pixels],
        list,
        lambda pixels: pixels.transpose(0, 3, 1, 2),
        lambda pixels: torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()),
        lambda pixels: (pixels / 255).astype(np.float32),
        lambda pixels: dict(enumerate(pixels)),
        lambda pixels: [png(one) for one in pixels],
        lambda pixels: [io.BytesIO(png(one)) for one in pixels],
    ],
)
def test_build_takes_pictures(tmp_path, pictures, form):
    with aesearch.build(form(PIXELS), tmp_path / "i", budget=0) as index:
        assert index.kind == "images"
        assert keys_of(index) == [str(n) for n in range(12)]
        for key in ("0", "11"):
            assert index.search(PIXELS[int(key)], k=1)[0].key == key
        ids = index.folder.ids_of(["3"]), pictures.folder.ids_of(["3"])
        own, same = (
            one.folder.codes_of(list(found.values()))
            for one, found in zip((index, pictures), ids, strict=True)
        )
        assert abs((own * same).sum()) > 0.99  # the sign of a component may differ


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_build_takes_paths_of_files(tmp_path):
    for n, pixels in enumerate(PIXELS):
        (tmp_path / f"{n}.png").write_bytes(png(pixels))
    with aesearch.build(sorted(tmp_path.glob("*.png")), tmp_path / "i", budget=0) as index:
        assert (index.kind, len(index)) == ("images", 12)


def test_build_takes_vectors_by_keys(tmp_path):
    vectors = {"a": [1.0, 2, 0], "b": np.array([0, 1, 5.0]), "c": torch.tensor([0.0, 3, 1])}
    with aesearch.build(vectors, tmp_path / "i", budget=0) as index:
        assert (index.kind, keys_of(index)) == ("vectors", ["a", "b", "c"])
        found = index.search(torch.tensor([0.0, 3, 1], requires_grad=True), k=1)
        assert found[0].key == "c"


@pytest.mark.parametrize(
    ("given", "named", "options"),
    [
        (None, "source", {}),
        (7, "source", {}),
        (b"bytes of one", "source", {}),
        ([None, "text"], "'0' is NoneType", {}),
        (["text", PIXELS[0]], "'1' is no document", {}),
        ([[1.0, 2], [1.0]], "1 to 2 dimensions", {}),
        (["one text", "another"], "'x' is given twice in keys", {"keys": ["x", "x"]}),
        (["one text", "another"], "2 items, and 1 keys", {"keys": ["x"]}),
        (["one text", "another"], "keys are several", {"keys": "xy"}),
        (["one text", "another"], "'' in keys is no key", {"keys": ["x", ""]}),
        ({"a": "one text"}, "leave out keys", {"keys": ["x"]}),
    ],
)
def test_build_names_what_is_no_collection(tmp_path, given, named, options):
    with pytest.raises(ParameterError, match=named):
        aesearch.build(given, tmp_path / "i", budget=0, **options)
    assert not (tmp_path / "i" / "index.json").exists()


@pytest.mark.parametrize("one", ["engines", b"engines", Path("a.txt"), np.str_("engines")])
def test_one_item_is_not_several(documents, one):
    for ask in (documents.encode, documents.search_many):
        with pytest.raises(ParameterError, match="contents are several"):
            ask(one)


@pytest.mark.parametrize("one", [PIXELS[0], PIXELS[0].transpose(2, 0, 1), PIXELS[0, :, :, 0]])
def test_one_picture_is_not_several(pictures, one):
    with pytest.raises(ParameterError, match="contents are several"):
        pictures.encode(one)


def test_a_batch_of_pictures_is_several(pictures):
    batch = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(pictures.encode(batch), pictures.encode(PIXELS), atol=1e-6)
    assert [hits[0].key for hits in pictures.search_many(batch, k=1)] == keys_of(pictures)


def test_no_code_is_zero(documents):
    with pytest.raises(ContentError, match=r"query 1, counted from 0: .*no word"):
        documents.encode(["engines", "qwertz"])


def test_search_takes_numbers_of_numpy_and_open_files(documents, pictures, tmp_path):
    assert len(documents.search("engines", k=np.int64(2))) == 2
    assert documents.search(io.StringIO("satellites"), k=1)[0].key in "13579"
    (tmp_path / "a.png").write_bytes(png(PIXELS[4]))
    with (tmp_path / "a.png").open("rb") as file:
        assert pictures.search(file, k=1)[0].key == "4"
    with pytest.raises(ContentError, match="closed"):
        pictures.search(file)


def test_among_takes_several(documents):
    found = documents.search("engines", among=["1", PurePath("4"), "1"])
    assert sorted(hit.key for hit in found) == ["1", "4"]
    assert documents.search("engines", among=[]) == []
    with pytest.raises(ParameterError, match="among"):
        documents.search("engines", among=[3])


def test_paths_are_keys(documents):
    assert Path("3") in documents
    assert documents.similar(PurePath("3"), k=1)[0].key == "3"


def test_an_index_is_pickled_as_its_place(documents):
    with pickle.loads(pickle.dumps(documents)) as index:
        assert index.search("engines", k=2) == documents.search("engines", k=2)


@pytest.mark.parametrize(
    ("contents", "named"),
    [
        ({"a\udce9": "engines"}, r"'a\\udce9' is no UTF-8"),
        ({"": "engines"}, "'' in contents is no key"),
        ({"x": " "}, "'x' cannot be added: the text is empty"),
        ("one path", "several"),
        (7, "contents"),
    ],
)
def test_what_cannot_be_added_is_named(documents, contents, named):
    with pytest.raises(ParameterError, match=named):
        documents.add(contents)


def test_long_keys_are_keys(documents):
    key = "k" * 300
    assert documents.add({key: "a text about engines"}) == [key]
    assert key in documents
    documents.remove([key])


def test_errors_are_pickled_and_told_anew():
    error = pickle.loads(pickle.dumps(MissingExtraError("it needs more", "pdf")))
    assert (str(error), error.extra) == ("it needs more", "pdf")
    assert (str(error.told("query 3")), error.told("query 3").extra) == ("query 3", "pdf")


def test_errors_are_one_line():
    assert str(ContentError("damaged: thrift\n says\u2028no\n")) == "damaged: thrift  says no"


def test_threads_that_write_wait_for_each_other(tmp_path):
    with aesearch.build(TEXTS, tmp_path / "i", budget=0) as index:
        failed = []

        def add(thread):
            try:
                for n in range(4):
                    index.add({f"{thread}-{n}": f"a text of thread {thread} about engines"})
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=add, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert len(index) == len(TEXTS) + 24


NO_NUMBERS = [float("nan"), np.float32("nan"), "half", [0.5], True, 10**400]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_named(documents, tmp_path, value):
    """NaN least of all: every comparison with it is false, and would let everything through."""
    survey = aesearch.duplicates.groups.survey
    for name, call in (
        ("threshold", lambda: documents.search("engines", threshold=value)),
        ("threshold", lambda: documents.search_many(["engines"], threshold=value)),
        ("threshold", lambda: documents.similar("1", threshold=value)),
        ("threshold", lambda: survey(documents, threshold=value)),
        ("alarm", lambda: survey(documents, alarm=value)),
        ("recall", lambda: aesearch.build(TEXTS, tmp_path / "i", {"recall": value}, budget=0)),
        ("beta", lambda: aesearch.build(PIXELS, tmp_path / "i", set_to("vae", beta=value))),
    ):
        with pytest.raises(ParameterError, match=f"{name} must be"):
            call()
    if not isinstance(value, str):  # which is read as a time
        with pytest.raises(ParameterError, match="budget must be"):
            aesearch.build(TEXTS, tmp_path / "i", budget=value)


@pytest.mark.parametrize("top", [-1, float("nan"), "8"])
def test_as_many_terms_as_are_explained(documents, top):
    with pytest.raises(ParameterError, match="top must be a whole number of at least 0"):
        documents.explain("engines", "1", top=top)
    assert documents.explain("satellites", "1", top=10**400).shared


def set_to(encoder, **parameters):
    return {"encoder": encoder, "parameters": parameters}


@pytest.fixture
def masked():
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    hidden = np.ma.masked_array(vectors, mask=np.zeros_like(vectors, bool))
    hidden[1, 2] = np.ma.masked
    return hidden


def test_what_is_masked_is_no_number(masked, tmp_path):
    """What a mask hides was left out by someone: it is no value to learn from, or to search by."""
    whole, pictures = masked.data, np.ma.masked_less(PIXELS, 50)
    place = tmp_path / "new"
    with aesearch.build(whole, tmp_path / "i", budget=0) as index:
        for call in (
            lambda: aesearch.build(masked, place, budget=0),
            lambda: aesearch.build(list(masked), place, budget=0),
            lambda: aesearch.build({"a": masked[0], "b": masked[1]}, place, budget=0),
            lambda: aesearch.build(pictures, place, budget=0),
            lambda: index.add({"a": masked[1]}),
            lambda: index.search(masked[1]),
            lambda: index.search_many(masked),
            lambda: index.encode(masked),
        ):
            with pytest.raises(ContentError, match=r"numbers are masked.*filled"):
                call()
        assert index.search(masked[0], k=1)[0].key == "0"  # of which nothing is
        assert not place.exists()
    labels = np.ma.masked_array(list("aabbcc"), mask=[0, 0, 1, 0, 0, 0])
    with aesearch.build(whole, place, labels=labels, budget=0) as index:
        assert sorted(filter(None, index.folder.labels().values())) == list("aabcc")


def test_numbers_too_large_are_said_so(tmp_path):
    with pytest.raises(SourceError, match=r"0: number 0 of it is 1e\+300, too large"):
        aesearch.build(np.full((5, 4), 1e300), tmp_path / "i", budget=0)
