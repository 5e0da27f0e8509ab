"""Answers: query, filter, fusion, plan, hits, evaluation."""
