"""Filling a library: read, decode in worker processes, encode in batches, commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearsee.indexer.ingest.pipeline import Progress, ingest
    from hearsee.indexer.ingest.report import Report

__all__ = ["Progress", "Report", "ingest"]


def __getattr__(name: str) -> Any:
    # Not imported above: decoding processes import this package too, and need neither SQL nor FAISS.
    if name in ("Progress", "ingest"):
        from hearsee.indexer.ingest import pipeline

        return getattr(pipeline, name)
    if name == "Report":
        from hearsee.indexer.ingest.report import Report

        return Report
    raise AttributeError(name)
