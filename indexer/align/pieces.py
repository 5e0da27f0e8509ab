"""What towers read of a library's grouped items: media decoded and prepared once, kept in one file while they learn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.item import Item
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.indexer.align.data import FEWEST, Ids, Table, paired_groups
from hearsee.indexer.corpus import read_item
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.library import Library

FILE = "pieces.bin"
AHEAD = 32  # items that are decoded while others are written


@dataclass(frozen=True)
class Pieces:
    """Prepared arrays by number; equal ones are kept once."""

    path: Path
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[str]
    offsets: Sequence[int]

    def __len__(self) -> int:
        return len(self.offsets)

    def of(self, numbers: Ids) -> list[Piece]:
        whole = np.memmap(self.path, np.uint8, "r") if self.path.stat().st_size else np.empty(0, np.uint8)
        return [Piece(self._one(whole, number)) for number in numbers.tolist()]

    def _one(self, whole: NDArray[np.uint8], number: int) -> NDArray[Any]:
        kind, shape = np.dtype(self.dtypes[number]), self.shapes[number]
        size = kind.itemsize * int(np.prod(shape))
        start = self.offsets[number]
        found: NDArray[Any] = np.array(whole[start : start + size]).view(kind).reshape(shape)
        return found


class _Store:
    """Writes pieces one behind the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._end = file, 0
        self._numbers: dict[bytes, int] = {}
        self.shapes: list[tuple[int, ...]] = []
        self.dtypes: list[str] = []
        self.offsets: list[int] = []

    def put(self, data: NDArray[Any]) -> int:
        """The number of these numbers."""
        raw = np.ascontiguousarray(data).tobytes()
        key = hashlib.blake2b(f"{data.dtype.str}{data.shape}".encode() + raw, digest_size=16).digest()
        if key not in self._numbers:
            self._numbers[key] = len(self.offsets)
            self.shapes.append(data.shape)
            self.dtypes.append(data.dtype.str)
            self.offsets.append(self._end)
            self._end += self._file.write(raw)
        return self._numbers[key]


def read_pieces(
    library: Library, table: Table, modalities: Sequence[str], folder: Path, settings: Settings,
    say: Callable[[str], None],
) -> tuple[Table, Pieces]:  # fmt: skip
    """The table with a number of a piece, (rows, 1), in place of the vectors of these modalities.

    Items whose media are gone, changed or unreadable are left out, and the notes say how many.
    """
    decoders = Decoders(settings.workers, settings.limits)
    kept, numbers, lost = dict[str, NDArray[np.bool_]](), dict[str, Ids](), list[str]()
    try:
        with (folder / FILE).open("wb") as file:
            store = _Store(file)
            for modality in modalities:
                kept[modality], numbers[modality] = _one(library, table, modality, store, decoders, settings, lost)
                say(f"{modality}: {int(kept[modality].sum()):,} points read")
    finally:
        decoders.close()
    left = Table(
        {m: numbers[m][:, None][kept[m]] if m in kept else rows for m, rows in table.vectors.items()},
        {m: rows[kept[m]] if m in kept else rows for m, rows in table.groups.items()},
        {m: rows[kept[m]] if m in kept else rows for m, rows in table.items.items()},
        table.names,
    )
    paired = paired_groups(left)
    if len(paired) < FEWEST:
        why = f"; {len(lost):,} items could not be read, the first {lost[0]}" if lost else ""
        raise BadInput(f"{len(paired)} groups hold two modalities that can be read: training needs {FEWEST}{why}")
    notes = (f"{len(lost):,} items could not be read and were left out, the first {lost[0]}",) if lost else ()
    pieces = Pieces(folder / FILE, store.shapes, store.dtypes, store.offsets)
    return replace(left.only(paired), notes=(*table.notes, *notes)), pieces


def _one(
    library: Library, table: Table, modality: str, store: _Store, decoders: Decoders, settings: Settings,
    lost: list[str],
) -> tuple[NDArray[np.bool_], Ids]:  # fmt: skip
    """Which rows of the table could be read, and the number of each one's piece."""
    owners = table.items[modality]
    order = np.argsort(owners, kind="stable")  # an item's points come in the order in which it was cut
    known, starts, counts = np.unique(owners[order], return_index=True, return_counts=True)
    rows = {
        int(id_): order[start : start + count] for id_, start, count in zip(known, starts, counts, strict=True)
    }  # fmt: skip
    kept, numbers = np.zeros(len(owners), np.bool_), np.zeros(len(owners), np.int64)
    preparation = library.space.tower(Modality.named(modality)).preparation
    for item, pieces in _prepared(library, list(rows), preparation, decoders, settings.limits):
        mine = rows[item.id]
        if isinstance(pieces, str):
            lost.append(f"{item.uri}: {pieces}")
        elif len(pieces) != len(mine):
            lost.append(f"{item.uri}: {len(pieces)} points where the library has {len(mine)}: index it again")
        else:
            kept[mine] = True
            numbers[mine] = [store.put(np.asarray(piece.data)) for piece in pieces]
    return kept, numbers


def _prepared(
    library: Library, ids: Sequence[int], preparation: str, decoders: Decoders, limits: Limits
) -> Iterator[tuple[Item, list[Piece] | str]]:
    """Every item with its pieces, or why there are none; some are decoded ahead."""
    for start in range(0, len(ids), AHEAD):
        items = library.catalog.items(ids[start : start + AHEAD])
        raw = {id_: _bytes(item, limits) for id_, item in items.items()}
        coming = {
            id_: decoders.submit(items[id_].modality, preparation, one)
            for id_, one in raw.items()
            if isinstance(one, bytes)
        }
        for id_, item in items.items():
            bad = raw[id_]
            if isinstance(bad, str):
                yield item, bad
                continue
            try:
                pieces = coming[id_].result()
            except BadMedia as error:
                decoders.release([])
                yield item, str(error)
                continue
            yield item, pieces
            decoders.release(pieces)


def _bytes(item: Item, limits: Limits) -> bytes | str:
    """What the item was when it was indexed, or why that cannot be had."""
    told = (item.text or "").encode("utf-8", "surrogatepass")
    if item.modality is Modality.TEXT and hashlib.sha256(told).hexdigest() == item.content:
        return told
    try:
        raw = read_item(item.uri, limits)
    except (BadMedia, NotFound, BadInput) as error:
        return str(error)
    return raw if hashlib.sha256(raw).hexdigest() == item.content else "it has changed: index it again"
