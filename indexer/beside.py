"""Filling a space beside the live one: the library's own items are the corpus, and the ordinary ingest encodes them.

One rule keeps both right: every commit serves the live space, removals count in all of them, and `hearsee space add`
gives vectors to whatever lacks them, however often it was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

from hearsee.core.errors import BadMedia, NotFound
from hearsee.core.item import Item
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.indexer.batch import Commit
from hearsee.indexer.catalog import SpaceRow
from hearsee.indexer.corpus import Entry, Source
from hearsee.indexer.corpus.sources import read_item
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.ingest.pace import Progress
from hearsee.indexer.writer import Writer

ITEMS = "hearsee:items"  # as a source: no item belongs to it, so nothing is ever taken for gone


def fill(
    writer: Writer,
    settings: Settings,
    *,
    on_commit: Callable[[Commit], None] | None = None,
    progress: Progress | None = None,
    commit_items: int = 512,
) -> Report:
    """Give every item that lacks vectors in the writer's space its own; what cannot be read or encoded is reported."""
    row = space_of(writer)
    source = Source(ITEMS, _entries(writer, row.id, settings.limits), row.missing)
    return ingest(
        writer, [source], writer.space, settings, on_commit=on_commit, progress=progress, commit_items=commit_items
    )


def space_of(writer: Writer) -> SpaceRow:
    """The space that the writer fills, as it stands by now."""
    mine = writer.catalog.info().space_id
    return next(row for row in writer.catalog.spaces() if row.id == mine)


def _entries(writer: Writer, space_id: int, limits: Limits) -> Iterator[Entry]:
    for item in writer.catalog.lacking(space_id):
        text = item.text if item.modality is Modality.TEXT else None
        read = partial(_again, item, limits) if text is None else text.encode
        yield Entry(item.uri, item.modality, read, item.caption, item.text, item.group, item.metadata)


def _again(item: Item, limits: Limits) -> bytes:
    """The very bytes that were indexed; others would put two things under one item."""
    try:
        raw = read_item(item.uri, limits)
    except NotFound as error:
        raise BadMedia(f"cannot be read again: {error}") from None
    if hashlib.sha256(raw).hexdigest() != item.content:
        raise BadMedia("its bytes have changed since it was indexed: run `hearsee index` on its source first")
    return raw
