"""What the catalog can say about itself: rows that contradict each other, pages that are damaged."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hearsee.indexer.catalog import words
from hearsee.indexer.catalog.connect import Database
from hearsee.indexer.catalog.tables import items, points, segments


def problems(database: Database) -> list[str]:
    """One sentence for each thing that cannot be; none for a sound catalog."""
    with database.snapshot() as db:
        damage = _damage(db) if database.sqlite else []
        return [f"catalog {database.label}: {said}" for said in damage or _contradictions(db)]


def _damage(db: Connection) -> list[str]:
    found = [str(row[0]).replace("\n", " ") for row in db.exec_driver_sql("PRAGMA integrity_check(10)")]
    if found != ["ok"]:
        return found
    dangling = db.exec_driver_sql("PRAGMA foreign_key_check")
    return [f"a row of {row[0]} names one of {row[2]} that is not there" for row in dangling]


def _contradictions(db: Connection) -> list[str]:
    live_item, live_point = items.c.removed.is_(None), points.c.removed.is_(None)
    joined = points.join(items, points.c.item_id == items.c.id)
    haunted = select(func.count()).select_from(joined).where(live_point, ~live_item)
    beyond = points.join(segments, points.c.segment_id == segments.c.id)
    outside = select(func.count()).select_from(beyond).where((points.c.row >= segments.c.rows) | (points.c.row < 0))
    held = select(points.c.id).where(points.c.item_id == items.c.id, live_point).exists()
    bare = select(func.count()).select_from(items).where(live_item, ~held)
    sentences = {
        haunted: "live points belong to removed items",
        outside: "points lie outside their segment",
        bare: "live items have no point and cannot be found",
    }
    counted = [(db.scalar(question) or 0, sentence) for question, sentence in sentences.items()]
    return [f"{count:,} {sentence}" for count, sentence in counted if count] + words.contradictions(db)
