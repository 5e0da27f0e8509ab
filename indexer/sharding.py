"""New shards for what changed: made at once, or aside while the writer goes on committing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from threading import Thread

import numpy as np

from hearsee.core.errors import Damaged, HearseeError
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.catalog import Catalog, NewShard, SegmentRow, ShardRow, View
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.shards.files import point_ids_of, stretches, write_shard
from hearsee.indexer.sweep import unlink
from hearsee.indexer.upkeep import keep_up

log = logging.getLogger(__name__)
LOOSE_ROWS = 20_000  # scored one by one for every query until they are in a shard: milliseconds
LOOSE_SHARE = 0.05  # of what the shards hold: making new ones costs as much as those are large


def make_shards(
    folder: Path,
    catalog: Catalog,
    space: Space,
    rebuild: Collection[Modality] = (),
    begun: Callable[[Modality, int], None] | None = None,
) -> list[NewShard]:
    """Publish the shards of every modality whose segments changed, proved where that was asked; none is served yet.

    `begun` is told the modality and its points before each.
    """
    made: list[NewShard] = []
    try:
        for modality, segments in _stale(catalog.view(), space, rebuild):
            if begun is not None:
                begun(modality, sum(segment.rows for segment in segments))
            ids = tuple(segment.id for segment in segments)
            parts = stretches(segments, ids, catalog.points_of(ids))
            made.append(write_shard(folder, space, modality, parts, ids))
        if made:
            keep_up(folder, catalog, made)
    except (HearseeError, MemoryError):  # what serves goes on serving
        unlink(folder, paths(made))
        raise
    return made


def paths(shards: Sequence[NewShard]) -> list[str]:
    return [path for shard in shards for path in (shard.path, shard.rows_path)]


def replaced(view: View, shards: Sequence[NewShard]) -> list[str]:
    """The files that nothing needs once the shards serve."""
    modalities = {shard.modality for shard in shards}
    return [path for row in view.shards if row.modality in modalities for path in (row.path, row.rows_path)]


def tombstoned(folder: Path, view: View) -> set[Modality]:
    """The modalities whose shards hold points that were removed."""
    return {row.modality for row in view.shards if _holds(folder, row, view.dead)}


def loose(view: View) -> bool:
    """Whether so many points are in no shard that making one pays."""
    covered = sum(shard.rows for shard in view.shards)
    return len(view.fresh) >= max(LOOSE_ROWS, LOOSE_SHARE * covered)


def _holds(folder: Path, row: ShardRow, dead: Ids) -> bool:
    """Whether one of them may lie in the shard: one that cannot be read is as good as none."""
    try:
        return bool(np.isin(point_ids_of(folder, row), dead).any())
    except Damaged as damaged:
        log.warning("%s", damaged)
        return True


def _stale(view: View, space: Space, rebuild: Collection[Modality]) -> Iterator[tuple[Modality, list[SegmentRow]]]:
    modalities = {segment.modality for segment in view.segments} | {shard.modality for shard in view.shards}
    for modality in sorted(modalities):
        mine = [segment for segment in view.segments if segment.modality == modality]
        wanted = [(tuple(segment.id for segment in mine), space.head(modality).fingerprint)]
        served = [(shard.segments, shard.head) for shard in view.shards if shard.modality == modality]
        if served != wanted or modality in rebuild:
            yield modality, mine


class Aside:
    """One making of shards in a thread of its own; whoever started it commits what it made."""

    def __init__(self, make: Callable[[], list[NewShard]]) -> None:
        self._make = make
        self._made: list[NewShard] = []
        self.failed = False
        self._thread = Thread(target=self._run, name="hearsee-fold", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def made(self) -> list[NewShard]:
        """What was made, once it is; nothing after a failure, which costs speed and no more."""
        self._thread.join()
        return self._made

    def _run(self) -> None:
        try:
            self._made = self._make()
        except Exception as error:
            self.failed = True
            log.warning("shards could not be made aside (%s): what is new is scored one by one until they are", error)
