"""The trained encoder as ONNX, run by onnxruntime: all that searching needs.

A folder ``encoder-<fingerprint>/`` holds the two graphs, the weights and ``encoder.json``. It is
written once and never changed; the fingerprint says whether codes and encoder belong together.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from aesearch.engines.threads import renew_after_fork
from aesearch.errors import (
    DamagedError,
    ParameterError,
    StorageError,
    UnsupportedError,
    repair_command,
)
from aesearch.inference.manifest import Manifest
from aesearch.modalities import modality
from aesearch.types import Floats

if TYPE_CHECKING:
    from aesearch.inference.prior import Prior
    from aesearch.sparse import Rows

ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
WEIGHTS = "weights.safetensors"
HELD = (ENCODER, DECODER, WEIGHTS)
READ_AT_ONCE = 1 << 28  # bytes
BATCH = 64  # rows: as quick as 256, and the runtime keeps a quarter of the memory
PICTURES = 16  # at once: their maps stay in a core's cache, 1.25 times as quick as 64
# Optimizing a graph takes longer than it saves on so few pictures: half of opening it.
FEW = 16


def _dense(rows: Rows) -> NDArray[Any]:
    """Rows with their zeros filled in; pictures never need what knows of sparse ones."""
    if isinstance(rows, np.ndarray):
        return rows
    from aesearch.sparse import dense

    return dense(rows)


def checksum(path: Path) -> str:
    """The xxh3-128 of a file, as 32 hexadecimal digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seal(folder: Path, manifest: Manifest, files: Sequence[str] = ()) -> str:
    """Write ``encoder.json`` beside the graphs; the fingerprint of the encoder.

    The fingerprint is a hash of all that decides a code: the graph, and the configuration and
    `files` of the features.
    """
    sums = {name: checksum(folder / name) for name in (ENCODER, DECODER, WEIGHTS, *files)}
    features = json.dumps(manifest.features, sort_keys=True)
    decisive = [sums[ENCODER], features, *(sums[name] for name in files)]
    fingerprint = xxhash.xxh3_64_hexdigest("".join(decisive).encode())
    replace(manifest, fingerprint=fingerprint, checksums=sums).write(folder)
    return fingerprint


class _Held:
    """Files that are opened now and read later, be they removed meanwhile or not.

    Where a file that is open cannot be removed (Windows), none is.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._open: dict[str, int] = {}
        weakref.finalize(self, _close, self._open)
        for path in paths if hasattr(os, "pread") else ():
            with suppress(OSError):  # reading it by its name will say why
                self._open[path.name] = os.open(path, os.O_RDONLY)

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def read(self, path: Path) -> bytes:
        """Content of a file, by its name where it is not held."""
        descriptor = self._open.get(path.name)
        if descriptor is None:
            return path.read_bytes()
        parts, at = [], 0  # at places of our own: a forked child shares that of the descriptor
        while part := os.pread(descriptor, READ_AT_ONCE, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts)


def _close(descriptors: dict[str, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)


SESSIONS = ("_encoder", "_quick_encoder", "_decoder")
_OF_THE_PARENT: list[Any] = []  # sessions that a forked child must not take down: that may hang


class FrozenEncoder:
    """An encoder and decoder that can be run but not trained.

    Its files are open from the beginning, so that it goes on when a writer removes them.

    Parameters
    ----------
    folder : Path
        Written by `seal`.
    threads : int, default=0
        Threads of one run; 0 lets onnxruntime use all cores, unless OMP_NUM_THREADS is 1.

    Attributes
    ----------
    manifest : Manifest
        ``encoder.json``.
    fingerprint : str
        16 hexadecimal digits.
    """

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        self.folder = folder
        self._threads = threads or (1 if os.environ.get("OMP_NUM_THREADS") == "1" else 0)
        self._held = _Held(folder / name for name in HELD)
        self.manifest = Manifest.read(folder)
        self.fingerprint = self.manifest.fingerprint
        self.code_size = self.manifest.code_size
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Forget the sessions in a forked child: their threads and locks are the parent's."""
        sessions = (name for name in list(vars(self)) if name in SESSIONS)
        _OF_THE_PARENT.extend(vars(self).pop(name) for name in sessions)

    @property
    def is_held(self) -> bool:
        """Whether all that it runs of is open."""
        return all(name in self._held for name in HELD)

    def damage(self) -> list[str]:
        """Faults of the files: a line for each that is missing or not what was written."""
        found = ((name, self.fault_of(name)) for name in self.manifest.checksums)
        return [f"{self.folder / name} {fault}" for name, fault in found if fault]

    def fault_of(self, name: str) -> str | None:
        """What is wrong with one of its files, or None; StorageError where that cannot be seen."""
        return self.fault_in(self.folder / name, self.manifest.checksums[name])

    @staticmethod
    def fault_in(path: Path, expected: str) -> str | None:
        """What is wrong with a file of which the checksum is known, or None."""
        try:
            same = checksum(path) == expected
        except FileNotFoundError:
            return "is missing"
        except PermissionError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None if same else "is damaged (its checksum does not match)"

    def encode(self, X: Rows) -> Floats:
        """Normalized codes, of unit length, float32 of shape (n, code_size).

        Parameters
        ----------
        X : ndarray, or SparseRows
            Pictures (n, side, side, channels) or rows (n, features); sparse ones are
            densified batch by batch.
        """
        session = self._quick_encoder if len(X) < FEW else self._encoder
        return self._run(session, X, ["code"])[0]

    def encode_with_latents(self, X: Rows) -> tuple[Floats, Floats]:
        """Normalized codes, and the latent codes that the decoder takes."""
        codes, latents = self._run(self._encoder, X, ["code", "latent"])
        return codes, latents

    def decode(self, latents: NDArray[Any]) -> Floats:
        """Reconstructions from latent codes, float32 in the units of the input."""
        return self._run(self._decoder, latents, ["x"])[0]

    def errors(self, X: Rows) -> tuple[Floats, Floats]:
        """Normalized codes of `X`, and the reconstruction error of each.

        In the measure of the kind of data; see `Modality.reconstruction_errors`.
        """
        codes, errors = [], []
        for code, _, error in self._reconstructed(X):
            codes.append(code)
            errors.append(error)
        return np.concatenate(codes), np.concatenate(errors)

    def reconstruct(self, X: Rows) -> tuple[Floats, Floats]:
        """Reconstructions of `X`, and the error of each.

        Returns
        -------
        decoded : ndarray of float32, of the shape of `X`
            In the units of the input.
        errors : ndarray of float32, shape (n,)
            As `errors` gives them.
        """
        parts = list(self._reconstructed(X))
        decoded, errors = ([part[column] for part in parts] for column in (1, 2))
        return np.concatenate(decoded), np.concatenate(errors)

    def _reconstructed(self, X: Rows) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield codes, what they decode to and its error, batch by batch; of nothing, one batch."""
        kind = modality(self.manifest.features["kind"])
        for start in range(0, max(1, len(X)), BATCH):
            part = X[start : start + BATCH]
            code, latent = self.encode_with_latents(part)
            decoded = self.decode(latent)
            yield code, decoded, kind.reconstruction_errors(decoded, _dense(part))

    @cached_property
    def prior(self) -> Prior:
        """Distribution of its latent codes, to generate from.

        Raises
        ------
        UnsupportedError
            If it was made by a version that did not save this.
        DamagedError
            If the file is missing or damaged.
        """
        from safetensors.numpy import load

        from aesearch.inference.prior import NAME, Prior

        state = load(self._content(WEIGHTS))
        try:
            return Prior.from_state({k: v for k, v in state.items() if k.startswith(NAME)})
        except KeyError:
            raise UnsupportedError(
                f"the encoder in {self.folder} was made by an older aesearch, which did not keep "
                "where its codes lie; 'aesearch index SOURCE --retrain' makes a new one"
            ) from None

    def _run(self, session: Any, X: Rows, outputs: list[str]) -> list[Floats]:
        wanted = session.get_inputs()[0]
        if X.shape[1:] != tuple(wanted.shape[1:]):
            expected = ", ".join(["n", *map(str, wanted.shape[1:])])
            raise ParameterError(f"the encoder takes arrays of shape ({expected}); got {X.shape}")
        dtype = np.float32 if wanted.type == "tensor(float)" else np.uint8
        if dtype == np.uint8 and X.dtype != dtype:
            raise ParameterError(f"the encoder takes pictures of uint8; got {X.dtype}")
        parts, size = [], PICTURES if dtype == np.uint8 else BATCH
        for start in range(0, len(X), size):
            part = _dense(X[start : start + size])
            feed = {wanted.name: np.ascontiguousarray(part, dtype=dtype)}
            parts.append(session.run(outputs, feed))
        if not parts:
            shapes = {output.name: output.shape[1:] for output in session.get_outputs()}
            return [np.empty((0, *shapes[name]), dtype=np.float32) for name in outputs]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    @cached_property
    def _quick_encoder(self) -> Any:
        return self.__dict__.get("_encoder") or self._session(ENCODER, optimized=False)

    @cached_property
    def _encoder(self) -> Any:
        return self._session(ENCODER)

    @cached_property
    def _decoder(self) -> Any:
        return self._session(DECODER)

    def _session(self, name: str, *, optimized: bool = True) -> Any:
        import onnxruntime

        content = self._content(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def write_graphs(self, folder: Path) -> None:
        """Write its graphs once more, into another folder; what is damaged is refused."""
        for name in (ENCODER, DECODER):
            (folder / name).write_bytes(self._content(name))

    def _content(self, name: str) -> bytes:
        """Content of a file of the folder; its checksum is verified."""
        path = self.folder / name
        try:
            content = self._held.read(path)
        except PermissionError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        except OSError as error:
            raise DamagedError(
                f"{path} cannot be read ({error.strerror}); "
                f"{repair_command(self.folder.parent)} makes the encoder anew"
            ) from error
        if xxhash.xxh3_128_hexdigest(content) != self.manifest.checksums.get(name):
            raise DamagedError(
                f"{path} is damaged (its checksum does not match); "
                f"{repair_command(self.folder.parent)} makes the encoder anew"
            )
        return content
