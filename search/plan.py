"""How a query is answered, in numbers and in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hearsee.core.modality import Modality

_PLURAL = {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds", Modality.TEXT: "texts"}
_SINGULAR = {Modality.IMAGE: "picture", Modality.AUDIO: "sound", Modality.TEXT: "text"}


@dataclass(frozen=True)
class Plan:
    wanted: tuple[Modality, ...]
    searched: Mapping[Modality, int]  # items of each wanted modality
    allowed: int | None  # items of the wanted modalities that the filter lets through; none: there is no filter
    left_out: int  # items that the query itself is made of
    exact: bool
    words: str


def plan(
    searched: Mapping[Modality, int], allowed: int | None, left_out: int, missing: Collection[Modality] = ()
) -> Plan:
    """Which items may be answered with, and where shards may miss: `missing` names the modalities of such."""
    counts = [f"{n:,} {(_SINGULAR if n == 1 else _PLURAL)[modality]}" for modality, n in searched.items()]
    exact = not set(missing) & set(searched)
    words = f"{'exact search' if exact else 'search at a proved recall'} over {' and '.join(counts)}"
    if allowed is not None:
        total = sum(searched.values())
        words += f"; the filter allows {allowed:,} of {total:,} item{'' if total == 1 else 's'}"
    if left_out:
        words += f"; leaving out the {left_out:,} asked with"
    return Plan(tuple(searched), dict(searched), allowed, left_out, exact, words)
