"""Quality, measured on the user's own library."""

from __future__ import annotations

from hearsee.search.evaluate.evaluation import evaluate
from hearsee.search.evaluate.metrics import Estimate
from hearsee.search.evaluate.report import Direction, Report

__all__ = ["Direction", "Estimate", "Report", "evaluate"]
