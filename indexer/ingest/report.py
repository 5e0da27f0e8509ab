"""What an ingest did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hearsee.indexer.corpus.passed import Passed

MOST_REASONS = 100  # kept in the report; the library's quarantine holds all of them

MOST_LOSSES = 5  # sources named


@dataclass
class Report:
    """Counts of acknowledged work; an item that only moved to another source counts as unchanged."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    quarantined: int = 0
    encoded: int = 0  # points that went through a tower; equal bytes are encoded once
    generation: int = 0
    seconds: float = 0.0
    reasons: list[tuple[str, str]] = field(default_factory=list)  # (URI, why), the first of them
    notes: list[str] = field(default_factory=list)  # what else a user should know
    bared: Counter[str] = field(default_factory=Counter)  # items that lost what these sources said of them
    passed: Passed = field(default_factory=Passed)  # files of other kinds, by ending
    stages: Counter[str] = field(default_factory=Counter)  # for a progress bar: read, encoded, committed, done
    held: dict[str, float] = field(default_factory=dict)  # seconds that each stage held up the others

    def reject(self, uri: str, reason: str) -> None:
        self.quarantined += 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append((uri, reason))

    @property
    def losses(self) -> list[str]:
        """One sentence for each source whose words were lost, those of most items first."""
        return [
            f"{items:,} {'items' if items > 1 else 'item'} lost the captions, groups and metadata of {source}, for "
            f"they were listed without: index {source} again to have them back"
            for source, items in self.bared.most_common(MOST_LOSSES)
        ]

    @property
    def more_reasons(self) -> int:
        """How many quarantined items are not listed."""
        return self.quarantined - len(self.reasons)

    def as_json(self) -> dict[str, Any]:
        names = ("added", "updated", "unchanged", "removed", "quarantined", "encoded", "generation")
        counts = {name: getattr(self, name) for name in names}
        reasons = [{"uri": uri, "reason": reason} for uri, reason in self.reasons]
        rest = {"seconds": round(self.seconds, 3), "reasons": reasons, "more_reasons": self.more_reasons}
        held = {stage: round(seconds, 3) for stage, seconds in self.held.items()}
        return {
            **counts,
            **rest,
            "held_seconds": held,
            "passed_over": dict(self.passed),
            "notes": [*self.notes, *self.losses],
        }
