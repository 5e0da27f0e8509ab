"""Which lists a query looks into: those that hold most of what could be near to it, few for one and many for another.

What is near lies, the nearer the likelier, in the lists that score best. So each row of a list has a share in what
could be near, which falls off with how far the list scores behind the best; and a list is looked into where that share
is large enough. How fast it falls and how large is enough are tuned, for who asks, and travel with the effort.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.codebook import lists_of
from hearsee.indexer.shards.proposing import Effort

FALL = 0.15  # of the spread of a query's scores of lists: so far behind another, a list has 1/e of its share
LEAST_FALL = 1e-6  # where all lists score alike


class Router:
    """The map into the directions of the lists, and what there is to know about them, as matrices."""

    def __init__(self, index: Any) -> None:
        into: Any = faiss.downcast_VectorTransform(index.chain.at(0))
        lists = lists_of(index)
        width, self.lists = int(into.d_out), int(lists.nlist)
        self._turn = np.ascontiguousarray(faiss.vector_to_array(into.A).reshape(width, -1).T)  # (dim, width)
        self._constant = faiss.vector_to_array(into.b)
        quantizer: Any = faiss.downcast_index(lists.quantizer)
        ranks = faiss.downcast_index(quantizer.base_index)
        middles = ranks.reconstruct_n(0, self.lists)  # (lists, width), the last column minus their squared length
        self._squares = -middles[:, -1]
        middles[:, -1] = 0
        self._middles = np.ascontiguousarray(middles.T)
        sizes = [lists.invlists.list_size(number) for number in range(self.lists)]
        self.sizes = np.array(sizes, np.float32)

    def routes(self, units: Vectors, effort: Effort) -> tuple[Vectors, NDArray[np.int64], Vectors]:
        """The queries in the lists' directions, the lists that each looks into, and what those add to a score."""
        turned, told, ranks = self._ranked(units, effort.lean)
        likely, all_of_them = self._likely(ranks, effort.fall)
        # The best list is always looked into: it is as likely as can be.
        places = np.flatnonzero(likely >= np.minimum(1, np.float32(effort.enough or 0) * all_of_them)[:, None])
        query, number = np.divmod(places, self.lists)
        counts = np.bincount(query, minlength=len(units))
        column = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        some = np.full((len(units), int(counts.max())), -1, np.int64)  # FAISS passes over what is negative
        adds = np.zeros(some.shape, np.float32)
        some[query, column], adds[query, column] = number, told.ravel()[places]
        return turned, some, adds

    def fall(self, units: Vectors, lean: float) -> float:
        """How fast shares fall for such queries."""
        ranks = self._ranked(units, lean)[2]
        return max(LEAST_FALL, FALL * float(ranks.std(axis=1).mean()))

    def shares(self, units: Vectors, lean: float, fall: float) -> NDArray[np.float32]:
        """What one row of each list has of all that could be near."""  # (queries, lists)
        likely, all_of_them = self._likely(self._ranked(units, lean)[2], fall)
        shares: NDArray[np.float32] = likely / all_of_them[:, None]
        return shares

    def _ranked(self, units: Vectors, lean: float) -> tuple[Vectors, Vectors, Vectors]:
        turned = units @ self._turn
        turned += self._constant
        told = turned @ self._middles  # (queries, lists)
        return turned, told, told - np.float32(lean) * self._squares

    def _likely(self, ranks: Vectors, fall: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of each list, one for the best; and of all rows together. The ranks are spent."""
        ranks -= ranks.max(axis=1, keepdims=True)
        ranks *= np.float32(1 / fall)
        np.exp(ranks, out=ranks)
        return ranks, ranks @ self.sizes
