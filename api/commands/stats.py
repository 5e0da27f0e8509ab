"""`hearsee stats`: what the library holds and what it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.proved import told
from hearsee.api.terminal import console, print_json, size, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hearsee.core.space import Space
    from hearsee.indexer.catalog import ShardRow
    from hearsee.indexer.library import Library

# Older SQLite may lose a checkpoint when two connections reset the WAL at the same moment.
SOUND_SQLITE = (3, 51, 3)
SHOWN_MIXES = 5  # of one way to fuse


def stats(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Show what the library holds, in which space, and how much room it takes."""
    settings = settings_from(library, database)
    from hearsee.indexer.library import Library

    with Library.open(settings.library, settings.database) as opened:
        info, view = opened.info, opened.catalog.view()
        known: dict[str, Any] = {
            "library": str(settings.library),
            "library_id": info.library_id,
            "space": info.space,
            "dim": info.dim,
            **opened.catalog.stats(),
            "shards": len(view.shards),
            "searched": _searched(settings.library, view.shards),
            "disk_bytes": sum(path.stat().st_size for path in settings.library.rglob("*") if path.is_file()),
            **_faiss(),
            "heads": _heads(opened),
            "fusion": _fusion(settings.library, opened.space),
        }
    known["notes"] = _notes(str(known["database"]))
    if as_json:
        print_json(known)
        return
    show_stats(known)


def show_stats(known: dict[str, Any]) -> None:
    items = ", ".join(f"{count:,} {kind}" for kind, count in known["items"].items()) or "none"
    rows = [
        ("items", items),
        ("points", f"{known['points']:,}"),
        ("space", f"{known['space']}, {known['dim']} dimensions"),
        ("heads", _named(known["heads"])),
        ("generation", known["generation"]),
        ("segments, shards", f"{known['segments']:,}, {known['shards']:,}"),
        ("removed, not compacted", f"{known['removed_items']:,} items, {known['removed_points']:,} points"),
        ("quarantined", f"{known['quarantined']:,}"),
        ("vectors", size(known["bytes"])),
        ("on disk", size(known["disk_bytes"])),
        ("catalog", known["database"]),
        ("faiss", f"{known['faiss']} on {known['device']}"),
        *((f"search {row['modality']}", told(row)) for row in known["searched"]),
        *(("fusion", line) for line in fused(known["fusion"])),
    ]
    out = console()
    out.print(table(str(known["library"]), ("", ""), rows))
    for note in known["notes"]:
        out.print(note, style="yellow")


def _searched(library: Path, shards: Sequence[ShardRow]) -> list[dict[str, Any]]:
    """How each shard is searched, why, and what recall was proved; a damaged record of that is exact search."""
    from hearsee.core.errors import Damaged
    from hearsee.indexer.recall import described
    from hearsee.indexer.shards.ledger import read_ledger

    try:
        return described(read_ledger(library), shards)
    except Damaged as damaged:
        return [{**row, "reason": f"exact: {damaged}"} for row in described(None, shards)]


def _heads(library: Library) -> dict[str, Any]:
    """Which heads are live, and of what kind they are."""
    live = library.info.heads
    name = next((row.name for row in library.catalog.heads() if row.id == live), "own")
    kinds = {modality.value: library.space.head(modality).kind for modality in sorted(library.space.towers)}
    return {"live": name, "number": live, "kinds": kinds}


def _named(heads: dict[str, Any]) -> str:
    number = "" if heads["number"] is None else f", number {heads['number']}"
    return f"{heads['live']}{number} ({', '.join(f'{modality} {kind}' for modality, kind in heads['kinds'].items())})"


def _fusion(library: Path, space: Space) -> list[dict[str, Any]]:
    """What won on validation for each mix of parts, here or where the space was measured."""
    from hearsee.indexer.choices import read_choices

    for place in (library, space.fusion):
        choices = read_choices(place, space.fingerprint) if place is not None else None
        if choices is not None:
            return [{**choice.as_dict(), "generation": choices.generation} for choice in choices.rows]
    return []


def fused(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a method: some forty lines of mixes would push the rest off the screen; --json has them all."""
    mixes: dict[str, list[str]] = {}
    for row in rows:
        mixes.setdefault(row["method"], []).append(f"{row['mix']} for {row['wanted']}")
    return [
        f"{method}: {', '.join(named) if len(named) <= SHOWN_MIXES else f'{len(named)} mixes (--json names them)'}"
        for method, named in mixes.items()
    ]


def _faiss() -> dict[str, str]:
    import faiss

    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    return {"faiss": faiss.__version__, "device": f"{gpus} GPU" if gpus else "CPU"}


def _notes(database: str) -> list[str]:
    name, _, version = database.partition(" ")
    if name != "sqlite":
        return []
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if numbers >= SOUND_SQLITE:
        return []
    return [f"SQLite {version} is older than 3.51.3, which mends a rare loss in WAL mode: a newer Python brings one"]
