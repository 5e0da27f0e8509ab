"""Opening a library to change it, in the space that it already has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hearsee.core.settings import Settings
    from hearsee.indexer.writer import Writer


def open_writer(settings: Settings, space: str | None = None, *, create: bool = False) -> Writer:
    """The writer of the library; `space` names the space of a new one and must fit an old one."""
    from hearsee.core.errors import NotFound
    from hearsee.core.space import load_space
    from hearsee.indexer.founding import live_space
    from hearsee.indexer.writer import Writer

    if space is None:
        try:
            space = live_space(settings.library, settings.database)
        except NotFound:
            if not create:
                raise
            space = "toybox"
    return Writer.open(settings.library, space=load_space(space), database=settings.database, create=create)
