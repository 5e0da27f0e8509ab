"""From several encoded parts to the one direction that is searched."""

from __future__ import annotations

from hearsee.search.fusion.attention import AttentionFusion, EarlyFusion
from hearsee.search.fusion.blend import NO_DIRECTION, Blend, EncodedPart, Fusion, contributions_of, fuse_by
from hearsee.search.fusion.chosen import GUARDED, ChosenFusion, chosen_fusion, find_learned, learned_blends
from hearsee.search.fusion.fixed import FixedFusion
from hearsee.search.fusion.guarded import GuardedFusion
from hearsee.search.fusion.late import LateFusion
from hearsee.search.fusion.mean import MeanFusion
from hearsee.search.fusion.named import checked_way, merges, named_fusion
from hearsee.search.fusion.slerp import SlerpFusion

__all__ = [
    "GUARDED", "NO_DIRECTION", "AttentionFusion", "Blend", "ChosenFusion", "EarlyFusion", "EncodedPart", "FixedFusion",
    "Fusion", "GuardedFusion", "LateFusion", "MeanFusion", "SlerpFusion", "checked_way", "chosen_fusion",
    "contributions_of", "find_learned", "fuse_by", "learned_blends", "merges", "named_fusion",
]  # fmt: skip
