"""A damaged index is mended: what is damaged is made anew from what is left of it."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import AesearchError, ContentError, DamagedError, SourceError
from aesearch.inference.encoder import DECODER, ENCODER, WEIGHTS, FrozenEncoder
from aesearch.ingest.arrival import encode
from aesearch.ingest.differences import source_of
from aesearch.ingest.update import synchronize
from aesearch.search.index import Index
from aesearch.storage.card import Card, copy_problem, mend_copy
from aesearch.storage.commit import NO_IDS, nothing, publish
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.layout import ASIDE, JOURNALS, Layout, set_aside
from aesearch.storage.lock import hold
from aesearch.storage.salvage import salvage
from aesearch.storage.schema import Item, KeptText, NewItem
from aesearch.storage.verify import engine_file_problem, faulty_items, sound_encoder
from aesearch.types import Ids, Progress, silent
from aesearch.wording import counted


@dataclass
class Repair:
    """What was done to mend an index, and what is wrong still, a line each."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def repair(place: Path, progress: Progress = silent) -> Repair:
    """Make anew what is damaged in an index, in the order in which one thing is made of another.

    The metadata come from their copy; the database from what can be read of it and from the files
    of the source; the encoder's graphs from its weights, else it is trained again; codes and texts
    from the source; the FAISS file and the lexical index from the database. Nothing that may hold
    what nothing else does is removed: it is set aside as ``items.db.damaged``.

    Parameters
    ----------
    place : Path
        Folder of the index.
    progress : callable

    Returns
    -------
    Repair

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError, StorageError, LockedError, SourceError
        If there is nothing that it could be made of; the message names what is missing.
    """
    layout, found = Layout(place), Repair()
    if not layout.exists():
        Card.read(layout.card)  # which says so
    with hold(layout):
        found.done += _mend_card(layout)
        found.done += (database := _mend_database(layout))
        with closing(IndexFolder(place)) as folder:
            found.done += _mend_plan(folder)
            found.done += _mend_encoder(folder, progress)
            found.done += _mend_items(folder, progress, again=bool(database))
            found.done += _mend_engine_file(folder)
    with closing(Index(place)) as index:
        if index.ranker.faults():
            index.ranker.faults(repair=True)
            found.done.append("the lexical index was made anew from the texts")
        found.left = index.verify()
    return found


def _mend_card(layout: Layout) -> list[str]:
    """The metadata from their copy; indexes of older versions get one."""
    try:
        Card.read(layout.card)
    except DamagedError as damaged:
        try:
            card = Card.read(layout.card_copy)
        except AesearchError:
            raise damaged from None
        set_aside(layout.card)
        card.write(layout.card)
        return [f"{layout.card.name} was restored from its copy"]
    problem = copy_problem(layout)
    mend_copy(layout)
    return [f"{layout.card_copy.name} was made anew from {layout.card.name}"] if problem else []


def _mend_database(layout: Layout) -> list[str]:
    """A new database, of all rows of a damaged one that can be read."""
    damage = _damage_of_database(layout.database)
    if damage is None:
        return []
    card = Card.read(layout.card)
    fresh = layout.database.with_name(layout.database.name + ".new")
    for path in (fresh, *_journals(fresh)):
        path.unlink(missing_ok=True)
    Store(fresh, create=True).close()
    kept = salvage(layout.database, fresh)
    with closing(Store(fresh)) as store:
        encoder = _encoder_left(layout, store)
        faulty = faulty_items(layout, store, card.modality, encoder.code_size)
        wrong = {id for ids in faulty.values() for id in ids}

        def edit(rows: Store) -> tuple[Ids, Ids]:
            rows.invalidate(wrong)
            return NO_IDS, NO_IDS

        publish(layout, store, edit, card.settings, fingerprint=encoder.fingerprint)
    for path in (layout.database, *_journals(layout.database)):
        set_aside(path)  # a journal beside another database would be taken for that of it
    os.replace(fresh, layout.database)
    items = counted(kept, card.modality.noun)
    return [
        f"{layout.database.name} was made anew ({damage}): {items} of it could be read, the rest "
        f"comes from {card.source}; what it was is kept as {layout.database.name}{ASIDE}"
    ]


def _journals(database: Path) -> list[Path]:
    return [database.with_name(database.name + journal) for journal in JOURNALS]


def _damage_of_database(path: Path) -> str | None:
    """What is wrong with the pages of a database, or None."""
    try:
        with closing(Store(path)) as store:
            store.revision()
            return next(iter(store.broken_pages()), None)
    except DamagedError as error:
        return str(error).partition("; ")[0]


def _encoder_left(layout: Layout, store: Store) -> FrozenEncoder:
    """The encoder of the codes: as the revision says, or the one that is there."""
    try:
        return sound_encoder(layout, store)
    except DamagedError:
        pass
    for folder in sorted(layout.root.glob("encoder-*")):
        try:
            encoder = FrozenEncoder(folder)
            if layout.encoder(encoder.fingerprint) == folder and not encoder.damage():
                return encoder
        except DamagedError:
            continue
    raise DamagedError(
        f"{layout.database} and the encoder beside it are both damaged, and there is nothing to "
        "make the one of the other: index the source at another place, 'aesearch index SOURCE "
        "--index PLACE', and keep this one for what was added to it by hand"
    )


def _mend_plan(folder: IndexFolder) -> list[str]:
    """The plan of a training that is not finished."""
    from aesearch.indexing.train import Plan

    layout = folder.layout
    if not os.path.lexists(layout.training):
        return []
    if not layout.training.is_dir():
        set_aside(layout.training)
        return ["what stood in the place of the folder of a training was set aside"]
    if not os.path.lexists(layout.plan):
        return []
    try:
        Plan.read(layout)
        return []
    except DamagedError:
        Plan(folder.settings.encoder, None).write(layout)
        return ["the training that was not finished begins anew with 'aesearch index'"]


def _mend_encoder(folder: IndexFolder, progress: Progress) -> list[str]:
    """The encoder: its graphs from its weights, else by training."""
    try:
        sound_encoder(folder.layout, folder.store)
        return []
    except DamagedError as error:
        damage = str(error)
    path = folder.layout.encoder(folder.revision.fingerprint)
    if _graphs_from_weights(path):
        return [f"the graphs in {path.name} were made anew from its weights"]
    from aesearch.indexing.train import Plan, train

    Plan(folder.settings.encoder, _budget(path)).write(folder.layout)
    for one in [path, *(path.iterdir() if path.is_dir() else ())]:
        if one.is_dir() == (one != path):  # a folder in the place of a file, or the reverse
            set_aside(one)
    train(folder, None, None, progress)
    folder.forget()
    return [f"the encoder was trained again ({damage.partition('; ')[0]})"]


def _budget(path: Path) -> float | None:
    """Seconds that its training may take: those that it took, where that can be read."""
    try:
        trained = FrozenEncoder(path).manifest.trained
    except AesearchError:
        return None
    return trained.get("budget") if "seconds" in trained else 0.0


def _graphs_from_weights(path: Path) -> bool:
    """Write the graphs of a trained encoder again; whether they are just what they were."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from aesearch.encoders import encoder_class

    try:
        encoder = FrozenEncoder(path)
        broken = [name for name in encoder.manifest.checksums if encoder.fault_of(name)]
        if set(broken) - {ENCODER, DECODER}:
            return False
        made: Any = encoder_class(encoder.manifest.kind)(**encoder.manifest.parameters)
        if not hasattr(made, "load_state"):  # fitted in closed form, which takes no time
            return False
        made.load_state(load_file(path / WEIGHTS))
    except (AesearchError, SafetensorError, TypeError, ValueError, KeyError, RuntimeError):
        return False
    temporary = path.with_name(f"encoder-new-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        made.write_graphs(temporary)
        for name in broken:
            again = FrozenEncoder.fault_in(temporary / name, encoder.manifest.checksums[name])
            if again:
                return False
        for name in broken:
            set_aside(path / name)
            os.replace(temporary / name, path / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def _mend_items(folder: IndexFolder, progress: Progress, *, again: bool) -> list[str]:
    """Codes and texts that are not what they were: from the source, or what was kept of them.

    With `again` the source is compared in any case: items may be missing.
    """
    encoder = sound_encoder(folder.layout, folder.store)
    faulty = faulty_items(folder.layout, folder.store, folder.modality, encoder.code_size)
    ids = sorted({id for found in faulty.values() for id in found})
    waiting = [item for item in folder.items() if item.size < 0]
    orphans = folder.store.problems()
    if not (ids or waiting or orphans or again):
        return []
    items = {item.id: item for item in folder.items()}
    by_hand = [items[id] for id in ids if id in items and items[id].added]
    contents = _kept_contents(folder, by_hand)
    others = [id for id in ids if id not in {item.id for item in by_hand}]
    lost = [item for item in by_hand if item.id not in contents]

    def edit(store: Store) -> tuple[Ids, Ids]:
        store.invalidate(others)
        store.remove([item.key for item in lost])
        return NO_IDS, np.array([item.id for item in lost], dtype=np.int64)

    if others or lost or orphans:
        folder.publish(edit, fingerprint=encoder.fingerprint)
    done = [
        f"{item.key} was added by hand, and nothing is left of it: add it again" for item in lost
    ]
    if contents:
        _encode_again(folder, by_hand, contents)
    try:
        synchronize(folder, progress, source_of(folder))
    except SourceError as error:
        return [*done, f"what is missing comes when its source is there: {error}"]
    read = len(others) + len([item for item in waiting if item.id not in others]) + len(contents)
    return (
        [*done, f"{counted(read, folder.modality.noun)} got code and text anew"] if read else done
    )


def _kept_contents(
    folder: IndexFolder, items: list[Item]
) -> dict[int, tuple[Any, KeptText | None]]:
    """What is left of items that were added by hand: a sample, and the text, by id."""
    kept = folder.added_contents()
    features = folder.snapshot().features
    found: dict[int, tuple[Any, KeptText | None]] = {}
    for item in items:
        try:
            text = folder.texts_of([item.id]).get(item.id)
            content = kept.get(item.key) or (text.text if text else None)
            if content is not None:
                found[item.id] = folder.modality.sample(features, content)[0], text
        except (ContentError, DamagedError):
            continue
    return found


def _encode_again(
    folder: IndexFolder, items: list[Item], contents: dict[int, tuple[Any, KeptText | None]]
) -> None:
    """Give items their codes again by what was kept of them; all else of them stays."""
    items = [item for item in items if item.id in contents]
    encoded = encode(folder, [contents[item.id][0] for item in items])
    texts = [text for item in items if (text := contents[item.id][1]) is not None]
    labels = {text.id: text.label for text in texts}
    rows = [
        NewItem(item.key, item.size, item.mtime_ns, item.digest, item.added, float(error))
        for item, error in zip(items, encoded.errors, strict=True)
    ]

    def edit(store: Store) -> tuple[Ids, Ids]:
        ids = store.put(rows, encoded.codes)
        encoded.write(store, ids, [labels.get(id, "") for id in ids.tolist()], [""] * len(ids))
        store.keep_texts(texts)  # with title and fields, as they were
        return ids, NO_IDS

    folder.publish(edit)


def _mend_engine_file(folder: IndexFolder) -> list[str]:
    """The FAISS file from the codes of the database."""
    problem = engine_file_problem(folder.layout, folder.store)
    if problem is None:
        return []
    folder.publish(nothing, fingerprint=folder.revision.fingerprint)
    return [f"the FAISS file was made anew from {folder.layout.database.name}"]
