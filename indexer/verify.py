"""Holds every stored byte against what the catalog says, and mends what can be derived again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hearsee.core.errors import Damaged, HearseeError, NotFound
from hearsee.core.modality import Modality
from hearsee.core.space import Space, load_space
from hearsee.indexer import sweep
from hearsee.indexer.catalog import Catalog, SegmentRow, ShardRow, View
from hearsee.indexer.catalog.words import INDEX
from hearsee.indexer.files import check
from hearsee.indexer.identity import CATALOG, NAME, Identity
from hearsee.indexer.library import Library
from hearsee.indexer.lock import WriterLock, opening
from hearsee.indexer.segments import read_segment
from hearsee.indexer.shards.files import projected, read_shard, stretches
from hearsee.indexer.switching import lost_heads, mend_heads
from hearsee.indexer.upkeep import left_over, mend, wrong
from hearsee.indexer.writer import Writer

TRIES = 5
ROUNDING = 1e-5  # how far two machines may differ in a projected number


@dataclass(frozen=True)
class VerifyReport:
    generation: int = -1  # -1: the catalog could not be read
    segments: int = 0
    points: int = 0
    problems: Sequence[str] = ()  # what is wrong now; after a repair, what is still wrong
    repaired: Sequence[str] = ()
    leftovers: Sequence[str] = ()  # files of interrupted writes; harmless, the next writer removes them


@dataclass
class _Findings:
    report: VerifyReport = VerifyReport()
    problems: list[str] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)  # segment ids
    stale: set[Modality] = field(default_factory=set)  # whose shards do not hold
    beside: list[int] = field(default_factory=list)  # lost segment ids of spaces that are not live
    nameless: bool = False  # library.json is lost or damaged
    headless: bool = False  # heads that the library had or has are lost
    unproved: bool = False  # something of what makes searching faster than exact is damaged


def verify(
    folder: str | Path, database: str | None = None, *, repair: bool = False, space: Space | None = None
) -> VerifyReport:
    """Check everything; with `repair` also rebuild shards and drop the items of lost segments, to be indexed again."""
    folder = Path(folder)
    found = _examine(folder, database, space)
    if not repair or not (found.problems or found.report.leftovers):
        return found.report
    repaired = _repair(folder, database, space, found)
    return replace(_examine(folder, database, space).report, repaired=repaired)


def _examine(folder: Path, database: str | None, space: Space | None) -> _Findings:
    found = _Findings()
    try:
        with Library.open(folder, database, space) as library, opening(folder):
            for _ in range(TRIES):
                found = _examine_library(library)
                if library.catalog.generation() == found.report.generation:
                    break  # else a writer moved things while we compared them
    except Damaged as damaged:
        found.problems.append(str(damaged))
        found.nameless = _nameless(folder)
        found.headless = not found.nameless and _headless(folder, database)
    except NotFound as absent:
        found.nameless = _nameless(folder)
        if not found.nameless:
            raise
        found.problems.append(str(absent))
    found.report = replace(found.report, problems=tuple(found.problems))
    return found


def _examine_library(library: Library) -> _Findings:
    found = _Findings(problems=library.catalog.problems())
    lost = lost_heads(library.folder, library.catalog)
    found.problems += lost.values()
    found.headless = bool(lost)
    view = library.catalog.view()
    for segment in view.segments:
        try:
            _check_segment(library, segment)
        except HearseeError as error:
            found.problems.append(str(error))
            found.lost.append(segment.id)
    for shard in view.shards:
        try:
            _check_shard(library, view, shard, found.lost)
        except HearseeError as error:
            found.problems.append(str(error))
            found.stale.add(shard.modality)
    for row in library.catalog.spaces():
        for segment in () if row.live else library.catalog.of_space(row.id).segments():
            try:
                check(library.folder / segment.path, segment.sha256, segment.bytes)
            except HearseeError as error:
                found.problems.append(f"{error} (of space {row.name!r}, which is not live)")
                found.beside.append(segment.id)
    unproved = wrong(library.folder, view.shards)
    found.problems += unproved
    found.unproved = bool(unproved)
    points = sum(len(library.catalog.points_of([segment.id])) for segment in view.segments)
    leftovers = [*sweep.orphans(library.folder, sweep.named(library.catalog)), *left_over(library.folder)]
    found.report = VerifyReport(view.generation, len(view.segments), points, leftovers=tuple(leftovers))
    return found


def _check_segment(library: Library, segment: SegmentRow) -> None:
    path = library.folder / segment.path
    check(path, segment.sha256, segment.bytes)
    if not np.isfinite(read_segment(library.folder, segment)).all():
        raise Damaged(f"{path} holds numbers that are not finite: run `hearsee verify --repair`")
    tower = library.space.tower(segment.modality)
    if (segment.tower, segment.dim) != (tower.contract.fingerprint, tower.dim):
        raise Damaged(f"{path} was made by another {segment.modality} tower: run `hearsee verify --repair`")


def _check_shard(library: Library, view: View, row: ShardRow, lost: Sequence[int]) -> None:
    """Every live point of its segments must be in the shard, as the item's and with the segment's vector."""
    path = library.folder / row.path
    check(path, row.sha256, row.bytes)
    check(library.folder / row.rows_path, row.rows_sha256, row.rows_bytes)
    shard, point_ids, item_ids = read_shard(library.folder, row)
    order = np.argsort(point_ids)
    covered = [segment for segment in view.segments if segment.id in set(row.segments) - set(lost)]
    for segment in covered:
        part = stretches([segment], [segment.id], library.catalog.points_of([segment.id]))[0]
        at = np.searchsorted(point_ids, part.point_ids, sorter=order)
        rows = order[at[at < len(order)]]
        same = np.array_equal(point_ids[rows], part.point_ids) and np.array_equal(item_ids[rows], part.item_ids)
        if not same:
            raise Damaged(f"{path} lacks points of {segment.path}: run `hearsee verify --repair`")
        start = 0
        for block in projected(library.folder, library.space, row.modality, part):
            held = shard.take(rows[start : start + len(block)])
            if not np.allclose(held, block, rtol=0, atol=ROUNDING):
                raise Damaged(f"{path} holds other vectors than {segment.path}: run `hearsee verify --repair`")
            start += len(block)


def _nameless(folder: Path) -> bool:
    """Whether there is a catalog, but no sound library.json to say so."""
    try:
        Identity.read(folder)
    except HearseeError:
        return (folder / CATALOG).exists() or (folder / NAME).exists()
    return False


def _headless(folder: Path, database: str | None) -> bool:
    try:
        with _catalog(folder, database, writable=False) as catalog:
            return bool(lost_heads(folder, catalog))
    except HearseeError:
        return False


def _catalog(folder: Path, database: str | None, *, writable: bool) -> Catalog:
    identity = Identity.read(folder)
    return Identity(identity.library_id, database or identity.database).open(folder, writable=writable)


def _repair(folder: Path, database: str | None, space: Space | None, found: _Findings) -> list[str]:
    done = []
    if found.nameless:
        done.append(_rename(folder, database))
        found = _examine(folder, database, space)
    if found.headless:
        lock = WriterLock.take(folder)
        try:
            with _catalog(folder, database, writable=True) as catalog:
                done += mend_heads(folder, catalog, space or load_space(catalog.info().space))
        finally:
            lock.release()
        found = _examine(folder, database, space)
    with Library.open(folder, database, space) as library:
        space = library.space
    with Writer.open(folder, space=space, database=database, create=False) as writer:  # its opening removes orphans
        done += [f"removed {path}, which no commit names" for path in found.report.leftovers]
        if found.lost:
            paths = [segment.path for segment in writer.catalog.segments() if segment.id in set(found.lost)]
            items = writer.drop(found.lost)
            done.append(
                f"dropped {items:,} items whose vectors were lost with {', '.join(paths)}: "
                "run `hearsee index` again to encode them"
            )
        if found.beside:
            writer.lose(found.beside)
            done.append(
                f"dropped {len(found.beside):,} lost segments of spaces that are not live: run `hearsee space add`"
            )
        if any(INDEX in problem for problem in found.problems):
            writer.catalog.reindex_words()
            done.append(f"made the {INDEX} again from the items")
        if found.lost or found.stale:
            writer.build_shards(rebuild=found.stale)
            done.append("rebuilt the shards from the segments")
        if found.unproved:
            done += mend(folder, writer.catalog)
    return done


def _rename(folder: Path, database: str | None) -> str:
    """Write library.json again from what the catalog says."""
    lock = WriterLock.take(folder)
    try:
        with Catalog.open(Identity(None, database).url(folder), writable=True) as catalog:
            (folder / NAME).unlink(missing_ok=True)
            Identity(catalog.info().library_id, database).write(folder)
    finally:
        lock.release()
    return f"wrote {NAME} again from the catalog"
