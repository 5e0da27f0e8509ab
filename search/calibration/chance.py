"""Chances for the hits of one query: a straight line from cosine to evidence, then the pair's curve."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.gallery import Near
from hearsee.indexer.library import Library
from hearsee.indexer.snapshot import Snapshot
from hearsee.search.calibration.evidence import Background, background
from hearsee.search.calibration.pair import PairCalibration
from hearsee.search.calibration.stored import NAME, Calibration, read_calibration
from hearsee.search.fusion import ChosenFusion, EncodedPart, Fusion
from hearsee.search.stored import count

GROWN = 0.1  # share by which a modality may grow or shrink before its chances are called stale

Asking: TypeAlias = Sequence[tuple[EncodedPart, Background | None]]  # the parts, and what the library has of their kind
Stamp: TypeAlias = tuple[int, int, int]  # inode, size, nanoseconds


@dataclass(frozen=True)
class Scale:
    """From this query's cosines with one modality to chances; rising, so it never reorders them."""

    pair: PairCalibration
    slope: float
    offset: float
    presence: tuple[float, float]  # slope and offset of what is 0 or more for a hit that is close

    def chances(self, scores: Sequence[float]) -> list[float]:
        """Of one list's hits; that of greatest cosine is the best hit, wherever it stands."""
        cosines = np.asarray(scores, np.float64)
        first = np.arange(len(cosines)) == (cosines.argmax() if len(cosines) else 0)
        found: list[float] = self.pair.chances(self.slope * cosines + self.offset, first).tolist()
        return found

    def close(self, score: float) -> bool:
        return self.presence[0] * score + self.presence[1] >= 0


@dataclass(frozen=True)
class Standing:
    """Whether an answer's chances can be trusted, in one sentence."""

    calibrated: bool
    stale: bool
    words: str


# Steering away lowers every cosine by as much as the target lay in what is shunned: no curve was fitted on such ones.
STEERED = Standing(False, False, "not calibrated: there are no chances where something is steered away")


@dataclass(frozen=True)
class Scales:
    """All scales of a query, or none where one of its pairs was never calibrated or something is steered away."""

    by_modality: Mapping[Modality, Scale] | None
    standing: Standing


class Chances:
    """Reads the library's calibration, again whenever it was written, and knows each generation's background."""

    def __init__(self, library: Library, space: Space | None = None) -> None:
        self._folder = library.folder
        self._made_for = (space or library.space).fingerprint, library.info.library_id  # neither ever changes
        self._held: tuple[Stamp | None, Calibration | None] = (None, None)
        self._backgrounds: tuple[int, dict[Modality, Background | None]] = (-1, {})
        self._lock = threading.Lock()

    def scales(self, snapshot: Snapshot, parts: Sequence[EncodedPart], targets: Mapping[Modality, Vectors],
               fusion: Fusion, left_out: frozenset[int] = frozenset()) -> Scales:  # fmt: skip
        """What the cosines of this query's one target for each modality mean; left_out: items that ask."""
        calibration, asker = self.calibration(), asker_of(parts)
        wanted = [modality for modality in targets if count(snapshot, modality)]
        reason = _unfit(calibration, self._made_for, asker, wanted, fusion)
        if reason or calibration is None:
            return Scales(None, Standing(False, False, f"not calibrated: {reason}"))
        if any(part.negative for part in parts):
            return Scales(None, STEERED)
        asking = [(part, self.background(snapshot, part.modality)) for part in parts if part.sought]
        behind = {one: own for one in wanted if (own := self.background(snapshot, one)) is not None}
        looks = {one: own.look(targets[one][0], left_out) for one, own in behind.items()}
        found = [(one, behind[one], best) for one, (_, _, best) in looks.items() if best is not None]
        known, taken = _near(asking, [(own.rows[at], int(own.items[at])) for _, own, at in found], left_out)
        rivals = dict(zip((one for one, _, _ in found), taken, strict=True))
        made = {}
        for modality, (mean, spread, _) in looks.items():
            pair = calibration.pairs[f"{asker}->{modality}"]
            presence = pair.presence.line(mean, spread, known, rivals.get(modality))
            made[modality] = Scale(pair, *pair.evidence.line(mean, spread), presence)
        return Scales(made, _standing(calibration, snapshot, parts, wanted))

    def calibration(self) -> Calibration | None:
        path = self._folder / NAME
        stamp = _stamp(path)
        held = self._held
        if held[0] != stamp:
            held = self._held = (stamp, read_calibration(self._folder) if stamp else None)
        return held[1]

    def background(self, snapshot: Snapshot, modality: Modality) -> Background | None:
        with self._lock:
            generation, known = self._backgrounds
            if generation != snapshot.generation:
                known = {}
                self._backgrounds = (snapshot.generation, known)
            if modality not in known:
                known[modality] = background(snapshot, modality)
            return known[modality]


def _near(
    asking: Asking, best: Sequence[tuple[Vectors, int]], left_out: frozenset[int]
) -> tuple[float | None, list[float | None]]:
    """How near items of their own kind come to the parts that ask, and to each best answer (row, item), on average."""
    tops = []
    for part, own in asking:
        if own is None:
            return None, [None] * len(best)
        # One product of matrix and vector for each: for so few they beat one of two matrices.
        cosines = np.stack([own.rows @ row for row in (part.vector, *(row for row, _ in best))])  # (1 + answers, rows)
        for item in left_out:
            cosines[:, own.items == item] = -np.inf
        for at, (_, item) in enumerate(best, 1):  # of its own kind it is not its own rival
            cosines[at, own.items == item] = -np.inf
        tops.append(cosines.max(axis=1))
    known, *taken = [float(one) if np.isfinite(one) else None for one in np.mean(tops, axis=0)]
    return known, taken


def asker_of(parts: Sequence[EncodedPart]) -> str:
    """The modality that asks, or the mix of them: edits and what is steered away from do not count."""
    asking = {part.modality for part in parts if part.sought}
    return "+".join(modality for modality in Modality if modality in asking)


def fusion_name(fusion: Fusion) -> str:
    """What tells one fusion from another: its kind, and what was chosen for each mix."""
    return f"{type(fusion).__name__} {fusion.digest}" if isinstance(fusion, ChosenFusion) else type(fusion).__name__


def by_chance(found: Mapping[Modality, Sequence[Near]], scales: Mapping[Modality, Scale]) -> list[Near]:
    """One list of several modalities: by chance, then by cosine where a curve is flat, then by item id."""
    ranked = []
    for modality, places in found.items():
        chances = scales[modality].chances([place[0] for place in places]) if places else []
        ranked += [((-chance, -place[0], place[1]), place) for chance, place in zip(chances, places, strict=True)]
    ranked.sort(key=lambda pair: pair[0])
    return [place for _, place in ranked]


def in_turn(found: Mapping[Modality, Sequence[Near]], scales: Mapping[Modality, Scale]) -> list[Near]:
    """Ranked lists of several modalities as one: each keeps its order, the one whose best is likeliest goes on."""
    ranked = []
    for modality, places in found.items():
        chances = scales[modality].chances([place[0] for place in places]) if places else []
        left = np.maximum.accumulate(chances[::-1])[::-1]
        ranked += [((-left[at], at, place[1]), place) for at, place in enumerate(places)]
    return [place for _, place in sorted(ranked, key=lambda pair: pair[0])]


def _unfit(
    calibration: Calibration | None, made_for: tuple[str, str], asker: str, wanted: Sequence[Modality], fusion: Fusion
) -> str | None:
    if calibration is None:
        return "run `hearsee calibrate` on a library with groups"
    if calibration.space_fingerprint != made_for[0]:
        return "the calibration was made for another space; run `hearsee calibrate` again"
    if calibration.library_id != made_for[1]:
        return "the calibration was made for another library; run `hearsee calibrate` again"
    missing = [f"{asker}->{modality}" for modality in wanted if f"{asker}->{modality}" not in calibration.pairs]
    if missing:
        return f"there was too little to fit {' and '.join(missing)} on"
    if "+" in asker and calibration.fusion != fusion_name(fusion):
        return "mixes are fused in another way since; run `hearsee calibrate` again"
    return None


def _standing(
    calibration: Calibration, snapshot: Snapshot, parts: Sequence[EncodedPart], wanted: Sequence[Modality]
) -> Standing:
    words = f"calibrated at generation {calibration.generation}"
    moved = []
    for modality in wanted:
        before, now = calibration.items.get(modality, 0), count(snapshot, modality)
        if abs(now - before) > GROWN * max(before, 1):
            moved.append(f"{before:,} {modality} items then, {now:,} now")
    if moved:
        return Standing(True, True, f"{words}, with {' and '.join(moved)}: run `hearsee calibrate` again")
    uneven = len({part.weight for part in parts}) > 1
    repeated = len(parts) > len({part.modality for part in parts})
    if uneven or repeated or not all(part.sought for part in parts):
        words += ", on one part of each modality, equally weighed: chances of this query are rough"
    return Standing(True, False, words)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
