"""The reading thread: lists sources, reads and hashes, a bounded way ahead of the rest."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Sequence

from hearsee.core.errors import BadMedia
from hearsee.core.media.limits import Limits
from hearsee.core.media.texts import decode_text
from hearsee.core.modality import Modality
from hearsee.indexer.corpus import Entry, Rejected, Source
from hearsee.indexer.corpus.ahead import ahead
from hearsee.indexer.corpus.entries import why
from hearsee.indexer.ingest.channel import Channel, Closed
from hearsee.indexer.ingest.work import End, Read

HANDFUL = 64  # reads handed over together: waking the other thread for each costs more than reading it
HANDFUL_BYTES = 2**20
AHEAD_HANDFULS = 8
HANDFUL_SECONDS = 0.05
AHEAD_BYTES = 64 * 2**20


class Reader:
    """Fills `channel` with what the sources list, each source followed by its End."""

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self.channel: Channel[list[Read] | End | BaseException] = Channel(AHEAD_HANDFULS, AHEAD_BYTES)
        self._sources, self._limits = sources, limits
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.channel.close()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            for source in self._sources:
                self._read(source)
                self.channel.put(End(source.uri))
        except Closed:
            return
        except BaseException as error:  # raised again by the thread that takes it out
            self.channel.put(error)

    def _read(self, source: Source) -> None:
        handful: list[Read] = []
        weight, began = 0, time.monotonic()
        with contextlib.closing(ahead(source.entries)) as entries:
            for found in entries:
                handful.append(read := read_entry(source.uri, found, self._limits))
                weight += len(read.raw)
                if len(handful) >= HANDFUL or weight >= HANDFUL_BYTES or time.monotonic() - began > HANDFUL_SECONDS:
                    self.channel.put(handful, weight)
                    handful, weight, began = [], 0, time.monotonic()
        if handful:
            self.channel.put(handful, weight)


def read_entry(source: str, found: Entry | Rejected, limits: Limits) -> Read:
    """Read and hash; a text is decoded here too, because its characters belong to the item."""
    if isinstance(found, Rejected):
        return Read(source, found)
    try:
        raw = found.read()
    except BadMedia as error:
        return Read(source, Rejected(found.uri, str(error)))
    except OSError as error:
        return Read(source, Rejected(found.uri, why(error), unseen=True))
    content = hashlib.sha256(raw).hexdigest()
    if found.modality is not Modality.TEXT:
        return Read(source, found, raw, content)
    try:
        return Read(source, found, raw, content, text=decode_text(raw, limits).text)
    except BadMedia as error:
        return Read(source, found, b"", content, bad=str(error))
