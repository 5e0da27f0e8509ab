"""Filling a library: read, decode in worker processes, encode in batches, commit."""
