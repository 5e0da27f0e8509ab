"""One query keeps one core, whatever its search comes to."""

from __future__ import annotations

import faiss
import pytest

from hearsee.indexer.shards.proposing import by_itself


def test_one_query_keeps_one_core_and_gives_the_others_back() -> None:
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(3)
        with by_itself(1):
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == 3
        with pytest.raises(KeyError), by_itself(1):
            raise KeyError
        assert faiss.omp_get_max_threads() == 3
        with by_itself(2):
            assert faiss.omp_get_max_threads() == 3
        with by_itself(2, most=2):
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
