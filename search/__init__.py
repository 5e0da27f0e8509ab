"""Answers: query, filter, fusion, plan, hits, evaluation."""

from __future__ import annotations

from hearsee.search.answer import Answer, Hit
from hearsee.search.opening import open_library
from hearsee.search.searcher import Searcher

__all__ = ["Answer", "Hit", "Searcher", "open_library"]
