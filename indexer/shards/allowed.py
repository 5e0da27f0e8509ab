"""The rows that a filter lets through, in each form that somebody looks at; a form is made once and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeAlias, TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap

Rows: TypeAlias = NDArray[np.int64]
Matrix = TypeVar("Matrix")
Gathered = TypeVar("Gathered")


class Allowed:
    """Made of a bitmap or of rows, which nobody may change afterwards; any number of threads may ask."""

    def __init__(self, total: int, bitmap: Bitmap | None = None, rows: Rows | None = None) -> None:
        self._total, self._bitmap, self._rows = total, bitmap, rows
        self._gathered: tuple[object, Any] | None = None

    @staticmethod
    def of(allowed: Filter) -> Allowed:
        return allowed if isinstance(allowed, Allowed) else Allowed(len(allowed), bitmap=allowed)

    @classmethod
    def only(cls, rows: Rows, total: int) -> Self:
        """These rows, ascending and each once, of so many."""
        return cls(total, rows=rows)

    def __len__(self) -> int:
        """Of the rows that there are, allowed or not."""
        return self._total

    @cached_property
    def count(self) -> int:
        if self._rows is not None:
            return len(self._rows)
        return int(np.count_nonzero(self.bitmap))

    @property
    def bitmap(self) -> Bitmap:
        if self._bitmap is None:
            bitmap = np.zeros(self._total, np.bool_)
            bitmap[self._rows] = True
            self._bitmap = bitmap
        return self._bitmap

    def rows(self, most: int) -> Rows | None:
        """The allowed rows, ascending, where they are at most so many; else none."""
        if self._rows is None:
            if self.__dict__.get("count", 0) > most:
                return None
            self._rows = rows_of(self.bitmap, most)
        return self._rows if self._rows is not None and len(self._rows) <= most else None

    def gathered(self, matrix: Matrix, gather: Callable[[Matrix, Rows], Gathered]) -> Gathered | None:
        """What is made of the allowed rows of a matrix when they are asked for again, and kept from then on."""
        known = self._gathered
        if known is None or known[0] is not matrix:
            self._gathered = matrix, None
            return None
        made: Gathered | None = known[1]
        if made is None and self._rows is not None:
            made = gather(matrix, self._rows)
            self._gathered = matrix, made
        return made

    @cached_property
    def selector(self) -> faiss.IDSelector:
        """As FAISS takes it."""
        bits = np.packbits(self.bitmap, bitorder="little")
        selector = faiss.IDSelectorBitmap(self._total, faiss.swig_ptr(bits))
        selector.bits = bits  # type: ignore[attr-defined] # FAISS knows where they lie, and must not outlive them
        return selector


Filter: TypeAlias = "Allowed | Bitmap"


def rows_of(allowed: Bitmap, most: int) -> Rows | None:
    """The allowed rows where they are at most so many, found eight at a time; else none."""
    whole = len(allowed) - len(allowed) % 8
    words = np.ascontiguousarray(allowed[:whole]).view(np.uint64)
    some = (words != 0).nonzero()[0]
    if len(some) > most:
        return None
    places = words[some].view(np.bool_).nonzero()[0]
    rows: Rows = some[places >> 3] << 3
    rows |= places & 7
    if whole < len(allowed):
        rows = np.concatenate([rows, whole + np.flatnonzero(allowed[whole:])])
    return rows if len(rows) <= most else None
