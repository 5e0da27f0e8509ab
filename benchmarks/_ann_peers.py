"""Other people's indexes, where they are installed, behind one way to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors

LINKS, BUILD_BREADTH = 16, 100
# hnswlib tells no size: float32 rows, 2 × 16 links of 4 bytes and their count on the ground floor, a label of 8
HNSWLIB_EXTRA = 2 * LINKS * 4 + 4 + 8


@dataclass(frozen=True)
class Peer:
    search: Callable[[Vectors, int, int], NDArray[np.int64]]  # (queries, k, breadth)
    bytes: int


def hnswlib(rows: Vectors, threads: int) -> Peer | None:
    if find_spec("hnswlib") is None:
        return None
    index: Any = import_module("hnswlib").Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=BUILD_BREADTH, M=LINKS, random_seed=0)
    index.set_num_threads(threads)
    index.add_items(rows, np.arange(len(rows)))

    def search(points: Vectors, k: int, breadth: int) -> NDArray[np.int64]:
        index.set_ef(breadth)
        labels, _ = index.knn_query(points, k)
        return np.asarray(labels, np.int64)

    return Peer(search, rows.nbytes + HNSWLIB_EXTRA * len(rows))


def usearch(rows: Vectors, threads: int) -> Peer | None:
    if find_spec("usearch") is None:
        return None
    make: Any = import_module("usearch.index").Index
    index = make(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_BREADTH)
    index.add(np.arange(len(rows)), rows, threads=threads)

    def search(points: Vectors, k: int, breadth: int) -> NDArray[np.int64]:
        index.expansion_search = breadth
        keys = index.search(points, k, threads=threads).keys
        return np.asarray(keys, np.int64).reshape(len(points), k)

    return Peer(search, int(index.memory_usage))


PEERS: dict[str, Callable[[Vectors, int], Peer | None]] = {"hnswlib M16": hnswlib, "usearch f16": usearch}
