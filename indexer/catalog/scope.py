"""Which of a library's spaces a question is about, and what the catalog says about all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, union_all

from hearsee.core.space import Space
from hearsee.indexer.catalog.rows import SpaceRow
from hearsee.indexer.catalog.tables import heads, items, library, points, segments, shards, spaces

_KNOWN = (
    " AND EXISTS (SELECT 1 FROM points JOIN segments ON segments.id = points.segment_id "
    "WHERE points.item_id = items.id AND points.removed IS NULL AND segments.space_id = :space)"
)


@dataclass(frozen=True)
class Scope:
    """One space by its id; none: whichever is live when the question is answered."""

    space_id: int | None = None

    def holds(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """The column, a space's id, is this one's."""
        live = select(library.c.space_id).scalar_subquery()
        return column == (live if self.space_id is None else self.space_id)

    @property
    def known(self) -> str:
        """To add to a question about items by plain SQL: only those with a vector in the space, where one is named."""
        if self.space_id is None:
            return ""
        return _KNOWN.replace(":space", str(int(self.space_id)))


LIVE = Scope()


def lacking(space_id: int) -> ColumnElement[bool]:
    """The item is live and has no vector in the space."""
    held = points.join(segments, segments.c.id == points.c.segment_id)
    mine = (points.c.item_id == items.c.id, points.c.removed.is_(None), segments.c.space_id == space_id)
    return items.c.removed.is_(None) & ~exists().select_from(held).where(*mine)


def read_spaces(db: Connection) -> list[SpaceRow]:
    """Every space, oldest first, with how much of the library it holds."""
    live = db.scalar(select(library.c.space_id))
    found = []
    for row in db.execute(select(spaces).order_by(spaces.c.id)).all():
        own = select(func.count(), func.coalesce(func.sum(segments.c.bytes), 0)).where(segments.c.space_id == row.id)
        files, size = db.execute(own).one()
        held = points.join(segments, segments.c.id == points.c.segment_id)
        mine = (points.c.removed.is_(None), segments.c.space_id == row.id)
        count = db.scalar(select(func.count()).select_from(held).where(*mine)) or 0
        missing = db.scalar(select(func.count()).select_from(items).where(lacking(row.id))) or 0
        about = (row.id, row.name, row.fingerprint, row.dim, row.generation, row.id == live)
        found.append(SpaceRow(*about, missing, count, files, int(size)))
    return found


def paths(space_id: int | None = None) -> Select[Any]:
    """Every file that the catalog vouches for, of all spaces or of one."""
    columns = (segments.c.path, shards.c.path, shards.c.rows_path, heads.c.path)
    chosen = [select(column.label("path")) for column in columns]
    if space_id is not None:
        chosen = [one.where(column.table.c.space_id == space_id) for one, column in zip(chosen, columns, strict=True)]
    return select(union_all(*chosen).subquery().c.path)


def space_row(space: Space, id_: int, generation: int) -> dict[str, Any]:
    return {"id": id_, "name": space.name, "fingerprint": space.fingerprint, "dim": space.dim, "generation": generation}


def tower_rows(space: Space, id_: int) -> list[Mapping[str, Any]]:
    return [
        {
            "space_id": id_,
            "modality": str(modality),
            "fingerprint": tower.contract.fingerprint,
            "contract": json.dumps(asdict(tower.contract), sort_keys=True),
            "dim": tower.dim,
        }
        for modality, tower in space.towers.items()
    ]
