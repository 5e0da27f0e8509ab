"""Filling a library: read, decode in worker processes, encode in batches, commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearsee.indexer.ingest.pace import Progress
    from hearsee.indexer.ingest.pipeline import ingest
    from hearsee.indexer.ingest.report import Report

__all__ = ["Progress", "Report", "ingest"]


def __getattr__(name: str) -> Any:
    # Not imported above: decoding processes import this package too, and need neither SQL nor FAISS.
    if name == "ingest":
        from hearsee.indexer.ingest.pipeline import ingest

        return ingest
    if name == "Progress":
        from hearsee.indexer.ingest.pace import Progress

        return Progress
    if name == "Report":
        from hearsee.indexer.ingest.report import Report

        return Report
    raise AttributeError(name)
