"""What lists and codes are learned from: directions worth coding, centroids, and codes of what centroids leave over.

FAISS gets it as one index: a linear map into few directions, then inverted lists. The map ends in a constant HALF, for
rows and queries alike. Lists are ranked by centroids that end in minus their squared length, so a query of length one
ranks them by distance and a longer one leans towards cosines; what a list adds to a score is told by centroids that end
in HALF, so that nothing of the constant is left over to be coded.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors

CODE_BITS = 4
DIRECTIONS_A_CODE = 2
SAMPLES_A_CODE = 1_250  # 20,000 for 16 codes
ROUNDS = 10  # of k-means
HALF = 0.5
BY_LISTS = 13  # of FAISS's ways to scan the one that passes over a list once for all queries that probe it
TINY = 1e-12  # variance below which a direction says nothing


def learned(sample: Vectors, lists: int, parts: int, seed: int) -> Any:
    """An empty index over lists that the sample fell into; `parts` codes a row."""
    width = DIRECTIONS_A_CODE * parts
    kept = min(sample.shape[1], width - 1)
    _, turn = _directions(sample)
    turn = turn[:, :kept]
    turned = np.ascontiguousarray(sample @ turn)
    centroids = _centroids(turned, lists, seed)
    left_over = turned - centroids[faiss.knn(turned, centroids, 1)[1][:, 0]]
    variances, again = _directions(left_over)
    index = _over(turn @ again, centroids @ again, _places(variances, parts), width)
    ivf = lists_of(index)
    ivf.pq.cp.seed, ivf.pq.cp.niter, ivf.pq.cp.min_points_per_centroid = seed, ROUNDS, 1
    few = SAMPLES_A_CODE << CODE_BITS
    index.train(np.resize(sample[:few], (max(min(few, len(sample)), 1 << CODE_BITS), sample.shape[1])))
    return index


def empty(dim: int, parts: int) -> Any:
    """What no row taught anything: one list about nothing."""
    width = DIRECTIONS_A_CODE * parts
    kept = min(dim, width - 1)
    return _over(np.eye(dim, kept, dtype=np.float32), np.zeros((1, kept), np.float32), np.arange(kept), width)


def lists_of(index: Any) -> Any:
    """The lists behind the map into their directions."""
    return faiss.downcast_index(index.index)


def turned(index: Any, rows: Vectors) -> Vectors:
    """Rows or queries as the lists see them."""
    return np.asarray(index.chain.at(0).apply(rows))


def is_codebook(index: Any) -> bool:
    """Whether this is such an index, and not another that FAISS read."""
    return isinstance(index, faiss.IndexPreTransform) and isinstance(lists_of(index), faiss.IndexIVFPQFastScan)


def _directions(rows: Vectors) -> tuple[NDArray[np.float64], Vectors]:
    """Variances, largest first, and the directions that have them."""  # (rows, dim) -> (dim,), (dim, dim)
    middle = rows - rows.mean(axis=0)
    variances, directions = np.linalg.eigh((middle.T @ middle / len(rows)).astype(np.float64))
    return variances[::-1], np.ascontiguousarray(directions[:, ::-1], np.float32)


def _centroids(rows: Vectors, lists: int, seed: int) -> Vectors:
    learning = faiss.Kmeans(
        rows.shape[1],
        lists,
        niter=ROUNDS,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )
    learning.train(np.resize(rows, (max(len(rows), lists), rows.shape[1])))
    return np.asarray(learning.centroids)


def _places(variances: NDArray[np.float64], parts: int) -> NDArray[np.int64]:
    """Deal directions to codes, large with small, so that each code has as much to tell: equal products."""
    said = np.log(np.maximum(variances, TINY) / TINY)
    last = DIRECTIONS_A_CODE * parts - 1  # the constant's
    heap = [(0.0, 0, DIRECTIONS_A_CODE * code) for code in range(parts)]  # said so far, directions, the first place
    places = []
    for told in said.tolist():
        held, count, first = heappop(heap)
        places.append(first + count)
        if count + 1 < DIRECTIONS_A_CODE and first + count + 1 != last:
            heappush(heap, (held + told, count + 1, first))
    return np.array(places, np.int64)


def _over(turn: Vectors, centroids: Vectors, places: NDArray[np.int64], width: int) -> Any:
    """Lists about the centroids, behind the map into their directions."""
    lists, dim = len(centroids), len(turn)
    matrix, constant = np.zeros((width, dim), np.float32), np.zeros(width, np.float32)
    matrix[places], constant[-1] = turn.T, HALF
    into = faiss.LinearTransform(dim, width, True)
    faiss.copy_array_to_vector(matrix.ravel(), into.A)
    faiss.copy_array_to_vector(constant, into.b)
    into.is_trained = True
    ranking, told = np.zeros((2, lists, width), np.float32)
    ranking[:, places] = told[:, places] = centroids
    ranking[:, -1], told[:, -1] = -np.einsum("lk,lk->l", centroids, centroids), HALF
    ranks, tells = faiss.IndexFlatIP(width), faiss.IndexFlatIP(width)
    ranks.add(ranking)
    tells.add(told)
    quantizer = faiss.IndexRefine(ranks, tells)
    parts = width // DIRECTIONS_A_CODE
    ivf = faiss.IndexIVFPQFastScan(quantizer, width, lists, parts, CODE_BITS, faiss.METRIC_INNER_PRODUCT)
    ivf.by_residual = True
    ivf.implem = BY_LISTS
    return faiss.IndexPreTransform(into, ivf)
