"""From the parts of a query to unit vectors, by the decoder, the preparation and the towers that fill a library."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.search.media import media_bytes
from hearsee.search.query import Part

BATCH_PIECES = 32  # encoded at once: a long sound has many windows
KEPT_TEXTS = 1024
KEPT_CHARACTERS = 1000  # a text longer than this is not kept


def mean_direction(points: Vectors, what: str) -> Vectors:
    """One vector for what has several points (windows, passages): the mean of its unit rows, each counting the same."""
    mean: Vectors = unit(unit(points, what).mean(axis=0, keepdims=True), what)[0]
    return mean


class PartEncoder:
    """Encodes parts that are not in the library; loads only the towers that a query needs; safe to share by threads."""

    def __init__(self, space: Space, limits: Limits) -> None:
        self._space = space
        self._limits = limits
        self._texts: OrderedDict[str, Vectors] = OrderedDict()  # texts asked before, the oldest first
        self._lock = Lock()  # one query encodes at a time: the towers use all cores by themselves

    def encode(self, parts: Sequence[Part]) -> list[Vectors]:
        """One unit vector (dim,) for each part, in order; parts of one modality go through their tower together."""
        with self._lock:
            vectors = {at: known for at, part in enumerate(parts) if (known := self._known(part)) is not None}
            for modality in Modality:
                places = [at for at, part in enumerate(parts) if part.kind == modality and at not in vectors]
                if places:
                    prepared = [self._pieces(modality, parts[at]) for at in places]
                    found = self._encode(modality, prepared)
                    vectors.update(zip(places, found, strict=True))
            for at, part in enumerate(parts):
                self._keep(part, vectors[at])
        return [vectors[at] for at in range(len(parts))]

    def _pieces(self, modality: Modality, part: Part) -> list[Piece]:
        if modality is Modality.TEXT:
            raw, name = _text_bytes(part.value, self._limits), "the text of the query"
        else:
            raw, name = media_bytes(part.kind, part.value, self._limits)
        try:
            return prepare_media(modality, raw, self._space, self._limits)
        except BadMedia as error:
            raise BadMedia(f"{name}: {error}") from None

    def _encode(self, modality: Modality, prepared: Sequence[Sequence[Piece]]) -> list[Vectors]:
        pieces = [piece for one in prepared for piece in one]
        tower = self._space.tower(modality)
        batches = [tower.encode(pieces[start : start + BATCH_PIECES]) for start in range(0, len(pieces), BATCH_PIECES)]
        points = self._space.project(modality, np.concatenate(batches))
        ends = np.cumsum([len(one) for one in prepared])
        return [mean_direction(rows, f"the query's {modality}") for rows in np.split(points, ends[:-1])]

    def _known(self, part: Part) -> Vectors | None:
        if part.kind != "text" or part.value not in self._texts:
            return None
        self._texts.move_to_end(part.value)
        return self._texts[part.value]

    def _keep(self, part: Part, vector: Vectors) -> None:
        if part.kind == "text" and len(part.value) <= KEPT_CHARACTERS:
            vector.flags.writeable = False  # shared by queries to come
            self._texts[part.value] = vector
            while len(self._texts) > KEPT_TEXTS:
                self._texts.popitem(last=False)


def _text_bytes(text: str, limits: Limits) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"the text {text[:60]!a} holds half a character (a lone surrogate): write it again") from None
    if len(raw) > limits.max_text_bytes:
        raise BadInput(f"the query's text has {len(raw):,} bytes, the limit is {limits.max_text_bytes:,}: shorten it")
    return raw
