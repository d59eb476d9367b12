"""What takes long is done once: the export of a graph, and the descriptions of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from collections_ import small_dictionary
from conftest import make_pictures

from aesearch.encoders import AgreementEncoder, DescriptionsEncoder, Session
from aesearch.encoders.closed.described import Described
from aesearch.encoders.closed.fusion import DESCRIPTIONS, projected
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.indexing.selection import Candidate
from aesearch.inference.encoder import ENCODER
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.storage.layout import Layout


@pytest.fixture(autouse=True)
def _small_dictionary() -> Iterator[None]:
    with small_dictionary():
        yield


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    encoder = PCAEncoder(4).fit(make_pictures(12, 16))
    return Candidate.of(encoder, "pca", ImageFeatures(16, 3), Layout(tmp_path))


def test_a_candidate_is_published_with_the_graphs_that_were_checked(
    candidate: Candidate, tmp_path: Path
) -> None:
    with mock.patch.object(PCAEncoder, "write_graphs", side_effect=AssertionError):
        final = candidate.freeze(Layout(tmp_path), {"error": 0.5})
    assert final.fingerprint == candidate.frozen.fingerprint
    assert final.manifest.error == 0.5
    assert candidate.frozen.manifest.error is None
    assert final.damage() == []


def test_graphs_that_were_damaged_since_are_exported_again(
    candidate: Candidate, tmp_path: Path
) -> None:
    graph = candidate.frozen.folder / ENCODER
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    final = candidate.freeze(Layout(tmp_path), {"error": 0.5})
    assert final.damage() == []
    assert (final.folder / ENCODER).read_bytes() == whole


def test_pictures_are_described_once_for_two_encoders() -> None:
    X = make_pictures(60, 16)
    alone = AgreementEncoder(8, width=4, epochs=1).fit(X)
    known = Described()
    place = "aesearch.encoders.closed.described.projected"
    with mock.patch(place, side_effect=projected) as found:
        closed = DescriptionsEncoder(8).fit(X, session=Session(described=known))
        both = AgreementEncoder(8, width=4, epochs=1).fit(X, session=Session(described=known))
    assert [list(call.args[0]) for call in found.mock_calls] == [list(DESCRIPTIONS)]
    np.testing.assert_array_equal(both.transform(X), alone.transform(X))
    np.testing.assert_array_equal(closed.transform(X), DescriptionsEncoder(8).fit(X).transform(X))


def test_another_seed_is_described_anew() -> None:
    X = make_pictures(60, 16)
    known = Described()
    for seed in (0, 1):
        session = Session(described=known)
        shared = DescriptionsEncoder(8, random_state=seed).fit(X, session=session)
        alone = DescriptionsEncoder(8, random_state=seed).fit(X)
        np.testing.assert_array_equal(shared.transform(X), alone.transform(X))
