"""A way to fuse that a question names, instead of what won for its mix; and which ways merge lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hearsee.core.errors import BadInput
from hearsee.core.fuser import ATTENTIONS, EARLY
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.search.fusion.attention import AttentionFusion, EarlyFusion
from hearsee.search.fusion.blend import EncodedPart, Fusion
from hearsee.search.fusion.chosen import ChosenFusion, find_learned, learned_blends
from hearsee.search.fusion.late import LateFusion
from hearsee.search.fusion.mean import MeanFusion
from hearsee.search.fusion.slerp import SlerpFusion

LATE, FIXED = "late", "fixed"
_PLAIN: dict[str, Callable[[], Fusion]] = {"mean": MeanFusion, "slerp": SlerpFusion, LATE: LateFusion}
WAYS = ("mean", FIXED, "slerp", EARLY, *ATTENTIONS, LATE)


def checked_way(name: object) -> str | None:
    """The name of a way to fuse, or none."""
    if name is None or (isinstance(name, str) and name in WAYS):
        return name
    shown = repr(name)[:60] if isinstance(name, str | int | float) else type(name).__name__
    raise BadInput(f"fusion is {shown}: use one of {', '.join(WAYS)}, or leave it out for what won here")


def named_fusion(name: str, chosen: Fusion, folder: Path, space: Space) -> Fusion:
    """The way of this name for every mix; refused where it was never measured or learned."""
    if name in _PLAIN:
        return _PLAIN[name]()
    if name == FIXED:
        if not isinstance(chosen, ChosenFusion):
            raise BadInput("fusion is 'fixed', but no weights were measured here: run `hearsee eval --fusion`")
        rows = tuple(replace(row, method=FIXED) for row in chosen.choices.rows)
        return ChosenFusion(replace(chosen.choices, rows=rows), None)
    found = learned_blends(find_learned(folder, space)).get(name)
    if not isinstance(found, AttentionFusion | EarlyFusion):
        raise BadInput(f"fusion is {name!r}, but it was not learned in space {space.name}: run `hearsee align fusion`")
    return found


def merges(fusion: Fusion, parts: Sequence[EncodedPart], wanted: Modality) -> bool:
    """Whether these parts are looked for one by one and their lists merged; one part alone is one list."""
    sought = [part.modality for part in parts if part.sought]
    way: object = fusion.blend(sought, wanted) if isinstance(fusion, ChosenFusion) else fusion
    return len(sought) > 1 and isinstance(way, LateFusion)
