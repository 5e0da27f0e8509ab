"""Spaces described as data."""
