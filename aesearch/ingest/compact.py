"""Nothing of what was removed stays on the disk: not in the database, nor in what was learned."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

from aesearch.inference.encoder import seal
from aesearch.storage.commit import nothing
from aesearch.storage.folder import IndexFolder
from aesearch.storage.layout import sync_to_disk


def compact(folder: IndexFolder) -> list[str]:
    """Let go of what was removed; see `Index.compact`."""
    with folder.writing():  # from the start: a training may end, and bring another encoder
        _forget_terms(folder)
        return folder.compact()


def _forget_terms(folder: IndexFolder) -> None:
    """Publish an encoder of the same codes whose vocabulary is that of what is left."""
    snapshot, layout = folder.snapshot(), folder.layout
    features = folder.modality.forgetful(snapshot.features, (text.text for text in folder.texts()))
    if features is None:
        return
    temporary = layout.root / f"encoder-new-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(snapshot.encoder.folder, temporary)
    manifest = replace(snapshot.encoder.manifest, features=features.config())
    fingerprint = seal(temporary, manifest, features.save(temporary))
    for path in (*temporary.iterdir(), temporary):
        sync_to_disk(path)
    final = layout.encoder(fingerprint)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(temporary, final)
    sync_to_disk(layout.root)
    folder.publish(nothing, fingerprint=fingerprint)
