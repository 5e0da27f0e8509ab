"""Queries from a file, to prove a recall with: vectors of the shared space, or lines of text to be encoded."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.arrays import publish_array
from hearsee.indexer.files import make_folder
from hearsee.indexer.shards.files import VECTORS
from hearsee.indexer.shards.ledger import FOLDER, Given

MOST = 10_000  # queries that are kept; a thousand of them measure
LEAST = 100  # fewer prove nothing
BATCH = 32


def given_queries(folder: Path, space: Space, name: str) -> Given:
    """Keep the queries of `[MODALITY:]FILE` in the library; text is what asks where no modality is named."""
    before, colon, after = name.partition(":")
    named = bool(colon) and before in set(Modality)
    modality, path = (Modality(before), Path(after)) if named else (Modality.TEXT, Path(name))
    if not path.is_file():
        raise BadInput(f"{path} is no file of queries: name a .npy of vectors, or a text with one query a line")
    rows = _vectors(path, space) if path.suffix == ".npy" else _encoded(path, modality, space)
    if len(rows) < LEAST:
        raise BadInput(f"{path} holds {len(rows)} queries: at least {LEAST} are needed to prove a recall with")
    rows = rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:MOST])]
    make_folder(folder / FOLDER)
    published = publish_array(folder, f"{FOLDER}/queries-{uuid4().hex}.npy", rows.shape, VECTORS, [rows])
    return Given(modality.value, published.path, published.sha256, len(rows), space.fingerprint)


def _vectors(path: Path, space: Space) -> Vectors:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as an array ({error}): write it with numpy.save") from None
    if rows.ndim != 2 or rows.shape[1] != space.dim or rows.dtype.kind != "f":
        raise BadInput(f"{path} holds {rows.dtype} {rows.shape}: queries are floats of shape (queries, {space.dim})")
    return unit(np.asarray(rows, np.float32), f"{path}:")


def _encoded(path: Path, modality: Modality, space: Space) -> Vectors:
    if modality is not Modality.TEXT:
        raise BadInput(f"{path} is a text: queries of modality {modality} are given as a .npy of vectors")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 ({error.reason}): save it as such") from None
    asked = list(dict.fromkeys(line for line in lines if line))[:MOST]
    if len(asked) < LEAST:
        raise BadInput(f"{path} holds {len(asked)} different queries: at least {LEAST} are needed to prove a recall")
    limits, tower, found = Limits(), space.tower(modality), []
    for start in range(0, len(asked), BATCH):
        try:
            # What is longer than one passage asks with its first: queries are short.
            pieces = [prepare_media(modality, line.encode(), space, limits)[0] for line in asked[start : start + BATCH]]
        except BadMedia as error:
            raise BadInput(f"{path}: a line after the {start:,}th query cannot be asked with: {error}") from None
        found.append(space.project(modality, tower.encode(pieces)))
    return np.concatenate(found)
