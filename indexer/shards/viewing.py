"""FAISS's index over rows that lie in numpy's memory: never copied, and in large pages where the system has them.

FAISS's own memory is handed out in small pages, which a search that jumps between rows spends a quarter of its time on.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

COUNT = slice(8, 16)  # of an index's bytes: how many rows it has
ALIGNED = 64  # bytes


def viewed(empty: Any, shape: tuple[int, int], dtype: str) -> tuple[Any, NDArray[Any]]:
    """An index like the empty one over so many rows, and the rows themselves, which are still to be filled.

    FAISS reads an index from memory without copying the rows in it; so it is given its own bytes of an index without
    rows, with another count, in front of the room for them.
    """
    head = np.array(faiss.serialize_index(empty))
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    unit = 4 if isinstance(empty, faiss.IndexFlat) else 1  # what FAISS counts: numbers of float32, or bytes
    head[COUNT] = np.frombuffer(np.int64(shape[0]).tobytes(), np.uint8)
    head[-8:] = np.frombuffer(np.int64(size // unit).tobytes(), np.uint8)
    memory = np.empty(len(head) + size + ALIGNED, np.uint8)
    start = -(memory.ctypes.data + len(head)) % ALIGNED
    whole = memory[start : start + len(head) + size]
    whole[: len(head)] = head
    rows = whole[len(head) :].view(dtype).reshape(shape)
    reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(whole), len(whole))  # type: ignore[attr-defined]
    index: Any = faiss.read_index(reader)
    if int(index.ntotal) != shape[0] or int(index.codes.data()) != rows.ctypes.data or index.codes.size() != size:
        raise RuntimeError(f"FAISS {faiss.__version__} lays out {type(empty).__name__} in another way than is known")
    vars(index)["referenced_objects"] = [memory]  # as FAISS keeps what an index of its own reads alive
    return index, rows
