"""Edits and steering away learned from a library's own metadata, and kept only where they are surely better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hearsee.core.errors import BadInput
from hearsee.core.fuser import Learned
from hearsee.indexer.library import Library
from hearsee.search.evaluate.edited import Verdict, verdicts
from hearsee.search.evaluate.facts import library_facts, parted
from hearsee.search.fusion.edits import find_edits

if TYPE_CHECKING:
    from hearsee.indexer.align.edits import EditsRecipe

SHARES = (0.6, 0.2, 0.2)  # of the things: to learn from, to choose the step by, to judge by
MIN_THINGS = 200
MIN_JUDGED = 30  # pairs, both ways


@dataclass(frozen=True)
class Lived:
    """What was learned, what it is worth, and what of it goes live."""

    keys: tuple[str, ...]
    things: int
    held_out: int
    verdicts: Mapping[str, Verdict]
    live: frozenset[str]  # roles that go live
    learned: Learned | None  # what the library keeps: its own roles of before, and those that are surely better now

    def as_dict(self) -> dict[str, Any]:
        about = {"keys": list(self.keys), "things": self.things, "held_out": self.held_out, "live": sorted(self.live)}
        return about | {"verdicts": {role: one.as_dict() for role, one in self.verdicts.items()}}


def edits_of_library(
    library: Library,
    keys: Sequence[str] | None,
    recipe: EditsRecipe,
    report: Callable[[str], None],
    *,
    over_shipped: bool = False,
) -> Lived:
    """Nothing is written. What the library's space ships stays, unless told otherwise: metadata say each value in one
    way, so that nobody can judge here what was learned from many."""
    from hearsee.indexer.align.edits import learn_edits  # it needs torch

    space = library.space
    facts = library_facts(library, keys, recipe.seed)
    train, check, judged = parted(facts, SHARES, recipe.seed)
    if len(facts) < MIN_THINGS or len(judged.pairs) < MIN_JUDGED:
        raise BadInput(
            f"{len(facts)} things with {', '.join(facts.keys)}, {len(judged.pairs)} held-out pairs that differ in one "
            f"key or two: edits need {MIN_THINGS} things and {MIN_JUDGED} such pairs; name fewer keys with --keys"
        )
    report(f"{len(facts):,} things; learning from {len(train.pairs):,} pairs that differ in {', '.join(facts.keys)}")
    learned = learn_edits(space, train, check, recipe, report)
    now = find_edits(library.folder, space)
    found = verdicts(judged, {} if now is None else now.weights, learned.weights, recipe.seed)
    own = find_edits(library.folder, space, shipped=False)
    theirs = set() if now is None or over_shipped else now.weights.keys() - ({} if own is None else own.weights).keys()
    better = {role: learned.weights[role] for role, one in found.items() if one.better and role not in theirs}
    kept = None
    if better:
        told = {**learned.about, "judged": {role: one.as_dict() for role, one in found.items()}}
        kept = Learned(space.fingerprint, space.dim, {**({} if own is None else own.weights), **better}, told)
    return Lived(facts.keys, len(facts), len(judged), found, frozenset(better), kept)
