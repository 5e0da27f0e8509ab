"""`library.json`: what makes a folder a library, and which catalog belongs to it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hearsee.core.errors import Damaged, NotFound, Refused
from hearsee.indexer.catalog import Catalog, sqlite_url
from hearsee.indexer.files import damage, publish

NAME = "library.json"
CATALOG = "catalog.sqlite"
FORMAT = 1


@dataclass(frozen=True)
class Identity:
    library_id: str | None  # none while the library is being made
    database: str | None  # an SQLAlchemy URL; none: SQLite inside the folder
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> Identity:
        path = folder / NAME
        if not path.exists():
            raise NotFound(_absent(folder))
        with damage(path):
            raw = path.read_bytes()
        try:
            identity = cls(**json.loads(raw))
        except (ValueError, TypeError):
            identity = None
        if identity is None or identity.raw != raw:  # written by this program only, so any other byte is damage
            raise Damaged(f"{path} is damaged: run `hearsee verify --repair`")
        if identity.format != FORMAT:
            raise Refused(f"library {folder} has format {identity.format}, this Hearsee reads {FORMAT}: upgrade it")
        return identity

    def write(self, folder: Path) -> None:
        publish(folder, NAME, lambda sink: sink.write(self.raw), mode=0o600)  # it may hold a password

    @property
    def raw(self) -> bytes:
        return (json.dumps(asdict(self), sort_keys=True) + "\n").encode()

    def url(self, folder: Path) -> str:
        return self.database or sqlite_url(folder / CATALOG)

    def open(self, folder: Path, *, writable: bool) -> Catalog:
        """Open the catalog and make sure that it is this folder's."""
        if self.library_id is None:
            raise NotFound(f"library {folder} was never finished: run `hearsee index SOURCE --library {folder}`")
        catalog = Catalog.open(self.url(folder), writable=writable)
        found = catalog.info().library_id
        if found != self.library_id:
            catalog.close()
            raise Refused(
                f"catalog {catalog.label} belongs to library {found}, not to {self.library_id} in {folder}: "
                "check the database URL"
            )
        return catalog


def _absent(folder: Path) -> str:
    hint = f"make one with `hearsee index SOURCE --library {folder}`"
    if not folder.exists():
        return f"no library at {folder}: {hint}, or name another with --library"
    if not folder.is_dir():
        return f"{folder} is a file, not a library: name a folder with --library"
    if (folder / CATALOG).exists():
        return f"library {folder} has lost its {NAME}: run `hearsee verify --repair`"
    return f"{folder} is not a library: {hint}, or name another with --library"
