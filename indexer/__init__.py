"""Builds what search reads: corpus readers, ingest, segments, catalog, shards, training."""
