"""A reader within a transaction, whose files a writer replaces before it opens them."""

from __future__ import annotations

import warnings
from pathlib import Path

import aesearch


def test_a_transaction_reads_on_when_the_files_it_sees_are_replaced(tmp_path: Path) -> None:
    texts = {"a": "boat harbour anchor", "b": "soup onion garlic", "c": "violin choir melody"}
    aesearch.build(texts, tmp_path / "index", budget=0).close()
    with (
        aesearch.Index(tmp_path / "index") as reader,
        aesearch.Index(tmp_path / "index") as writer,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        with reader.folder.settled():
            before = reader.revision.number
            writer.add({"d": "oboe and flute"})
            opened = reader.folder.snapshot()
            assert opened.revision.number == before
            assert not (reader.folder.layout.root / opened.revision.codes_file).exists()
            assert len(opened.engine) == 3
        assert reader.similar("d", 1)[0].key == "d"
