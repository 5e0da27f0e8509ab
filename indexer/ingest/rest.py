"""The way of a long item's pieces to its encoder, a few at a time, while the rest is still being decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Piece
from hearsee.indexer.ingest.channel import Channel, Closed

GROUPS = 1  # that wait; who decodes has one more in hand, who encodes another


class Rest:
    """What follows an item's first pieces; `coming` is settled when those are there."""

    def __init__(self) -> None:
        self.coming = False
        self._groups: Channel[list[Piece] | Exception] = Channel(GROUPS)

    def put(self, pieces: list[Piece]) -> None:
        """Wait until there is room; Closed when nobody will take them any more."""
        self._groups.put(pieces)

    def end(self, error: Exception | None = None) -> None:
        with suppress(Closed):
            self._groups.put([] if error is None else error)

    def close(self) -> None:
        self._groups.close()

    def __iter__(self) -> Iterator[list[Piece]]:
        """Each group, and then the error that broke the item off, if one did."""
        while True:
            group = self._groups.get()
            if group is None:
                raise BadInput("the ingest was stopped")
            if isinstance(group, Exception):
                raise group
            if not group:
                return
            yield group
