"""A built shard carried over to other rows: what is gone leaves its lists, what is new enters them, nothing is learned.

Lists and codes were learned from the rows of their time, and serve later ones as well as those are alike; how well is
measured, not assumed (`proving.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap
from hearsee.indexer.shards.proposing import BLOCK_ROWS, Kept

Ids = NDArray[np.int64]


def carry_over(index: Any, before: Ids, kept: Kept, now: Ids) -> bool:
    """Make an index over the points `before` one over `now`, whose rows `kept` holds; False where it takes no change.

    The index must be the caller's alone: it is changed in place, and worthless after a False.
    """
    lists = _lists(index)
    if lists is None or int(lists.ntotal) != len(before):
        return False
    order = np.argsort(now, kind="stable")
    places = np.minimum(np.searchsorted(now, before, sorter=order), max(0, len(now) - 1))
    stays: Bitmap = now[order[places]] == before if len(now) else np.zeros(len(before), np.bool_)
    number = np.where(stays, order[places], -1) if len(now) else np.full(len(before), -1)
    if not stays.all():
        _forget(index, lists, ~stays)
    for ids in _numbers(lists):
        ids[:] = number[ids]  # rows of `before` become rows of `now`
    new = np.ones(len(now), np.bool_)
    new[number[stays]] = False
    rows = np.flatnonzero(new)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        index.add_with_ids(kept.take(block), block)
    return int(index.ntotal) == len(now) and _whole(lists, len(now))


def _lists(index: Any) -> Any:
    """The inverted lists of an index that has any, behind whatever turns its rows; else none."""
    if isinstance(index, faiss.IndexPreTransform):
        index = faiss.downcast_index(index.index)
    return index if isinstance(index, faiss.IndexIVF) else None


def _forget(index: Any, ivf: Any, gone: Bitmap) -> None:
    bits = np.packbits(gone, bitorder="little")
    index.remove_ids(faiss.IDSelectorBitmap(len(gone), faiss.swig_ptr(bits)))
    lists = faiss.downcast_InvertedLists(ivf.invlists)
    if isinstance(lists, faiss.BlockInvertedLists):  # type: ignore[attr-defined]
        _clear_ends(lists)


def _clear_ends(lists: Any) -> None:
    """FAISS 1.15 leaves old codes behind the end of a list and mixes them into those added there later."""
    each, size, nothing = int(lists.n_per_block), int(lists.block_size), np.zeros(lists.packer.code_size, np.uint8)
    for number in range(int(lists.nlist)):
        length = int(lists.list_size(number))
        if length % each:
            codes = faiss.rev_swig_ptr(lists.get_codes(number), -(-length // each) * size)
            last = codes.reshape(-1, size)[-1:]
            for place in range(length % each, each):
                lists.packer.pack_1(nothing, place, last)


def _numbers(index: Any) -> Iterator[Ids]:
    """The numbers in each list, as they lie in the index's own memory."""
    for number in range(int(index.nlist)):
        length = int(index.invlists.list_size(number))
        if length:
            yield faiss.rev_swig_ptr(index.invlists.get_ids(number), length)


def _whole(index: Any, rows: int) -> bool:
    """Whether each row lies in one list, once."""
    seen = np.zeros(rows, np.int64)
    for ids in _numbers(index):
        np.add.at(seen, ids, 1)
    return int(index.ntotal) == rows and bool((seen == 1).all())
