"""Readers of what a user points at: folders, tables and tars."""

from __future__ import annotations

from hearsee.indexer.corpus.entries import Entry, Rejected, Source
from hearsee.indexer.corpus.sources import open_source, read_item

__all__ = ["Entry", "Rejected", "Source", "open_source", "read_item"]
