"""Append-only: a migration that has shipped never changes."""
