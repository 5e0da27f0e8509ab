"""Names for items out of a list of names: whichever name's words lie nearest (zero-shot)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.core.where import All, OneOf, Where
from hearsee.search.calibration.naming import NamingCurve, read_naming
from hearsee.search.evaluate.ranks import ItemPoints
from hearsee.search.parts import PartEncoder
from hearsee.search.query import Part, brief, parsed
from hearsee.search.searcher import Searcher
from hearsee.search.stored import live_points

MAX_NAMES = 10_000
SHARPNESS = 100.0  # what CLIP and its kin multiply cosines with before the softmax; training holds it at this height
BLOCK = 2048  # items named at once
# Each name is asked for in all of these, and their directions are averaged.
TEMPLATES: Mapping[Modality, tuple[str, ...]] = {
    Modality.IMAGE: ("{}", "a {}", "a photo of a {}"),
    Modality.AUDIO: ("{}", "a {}", "the sound of a {}"),
    Modality.TEXT: ("{}", "a {}", "about {}"),
}


@dataclass(frozen=True, slots=True)
class Named:
    name: str
    share: float  # softmax over all names: one of them is taken to be right
    cosine: float
    chance: float | None  # of the best name: that it is right, and none of the others; none where nobody knows


@dataclass(frozen=True, slots=True)
class Labelled:
    item: Item
    names: tuple[Named, ...]  # the likeliest first


@dataclass(frozen=True)
class Labels:
    items: Iterator[Labelled]  # in order of id
    standing: str  # what chances stand on, or why there are none


def label(
    searcher: Searcher,
    names: Sequence[str],
    *,
    where: Mapping[str, Any] | Where | None = None,
    wanted: Sequence[Modality] = (Modality.IMAGE, Modality.AUDIO),
    templates: Sequence[str] | None = None,
    sharpness: float = SHARPNESS,
    top: int = 3,
) -> Labels:
    """Name the items that match; `templates` are sentences with {} for the name, one set for all modalities."""
    names, filtered = _checked(names), parsed(where)
    if not 0 < sharpness <= 1e6:
        raise BadInput(f"sharpness is {brief(sharpness)}: it must be above 0, such as {SHARPNESS:g}")
    for template in templates or ():
        if template.count("{}") != 1:
            raise BadInput(f"template {brief(template)} must hold {{}} once, where the name goes")
    modalities = [modality for modality in wanted if searcher.space.towers.get(modality)]
    snapshot = searcher.library.snapshot()
    encoder = PartEncoder(searcher.space, searcher.settings.limits)
    used = {m: tuple(templates or TEMPLATES[m]) for m in modalities}
    asked = {m: directions(encoder, names, used[m]) for m in modalities}
    fitted, said = _fitted(searcher, used, len(names))

    def items() -> Iterator[Labelled]:
        for modality, rows in asked.items():
            points = ItemPoints.of(*live_points(snapshot, modality))
            allowed = None
            if filtered is not None:
                allowed = searcher.library.catalog.allowed(All((filtered, OneOf("@modality", (modality.value,)))))
            for ids, cosines in scored(points, rows, allowed):
                known = searcher.library.catalog.items(ids.tolist())
                judged = fitted[modality].chances(cosines) if modality in fitted else None
                for at, id_ in enumerate(ids.tolist()):
                    if id_ in known:  # else it was removed meanwhile
                        chance = None if judged is None else float(judged[at])
                        yield Labelled(known[id_], _named(names, cosines[at], chance, sharpness, top))

    return Labels(items(), said)


def shares(cosines: NDArray[np.floating], sharpness: float) -> NDArray[np.float64]:
    """Softmax over the names, (…, names): the shares of an item add up to 1."""
    raised = sharpness * np.asarray(cosines, np.float64)
    powers = np.exp(raised - raised.max(axis=-1, keepdims=True))
    made: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return made


def _checked(names: Sequence[str]) -> list[str]:
    kept = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not 1 < len(kept) <= MAX_NAMES:
        raise BadInput(f"there are {len(kept):,} different names: give 2 to {MAX_NAMES:,}")
    return kept


def directions(encoder: PartEncoder, names: Sequence[str], templates: Sequence[str]) -> Vectors:
    """(names, dim), unit rows: the mean direction of each name's sentences."""
    texts = [template.replace("{}", name) for name in names for template in templates]
    rows = np.stack(encoder.encode([Part("text", text) for text in texts]))
    return unit(rows.reshape(len(names), len(templates), -1).mean(axis=1), "names")


def _fitted(
    searcher: Searcher, used: Mapping[Modality, tuple[str, ...]], names: int
) -> tuple[dict[Modality, NamingCurve], str]:
    """The curve of each kind that the library has one for, and what is to be said about them."""
    naming, again = read_naming(searcher.library.folder), "run `hearsee calibrate --names KEY` again"
    if naming is None:
        return {}, "not calibrated: `hearsee calibrate --names KEY` fits it on a metadata key that holds items' names"
    if naming.space_fingerprint != searcher.space.fingerprint:
        return {}, f"not calibrated: names were fitted in another space; {again}"
    if naming.library_id != searcher.library.info.library_id:
        return {}, f"not calibrated: names were fitted in another library; {again}"
    held = {modality: naming.kinds[modality] for modality in used if modality in naming.kinds}
    fitted = {modality: one for modality, one in held.items() if one.templates == used[modality]}
    if not fitted:
        reason = (
            f"chances were fitted on {naming.key} with other templates" if held else f"too few items have {naming.key}"
        )
        return {}, f"not calibrated for {' and '.join(used)}: {reason}"
    most = max(one.names for one in fitted.values())
    words = f"that the best name is right, calibrated on {most:,} names of {naming.key}"
    words += f" at generation {naming.generation}, taking it that every second item's own name is listed"
    if names > most:
        words += f"; rough, for {names:,} names are asked"
    missing = [modality.value for modality in used if modality not in fitted]
    return fitted, words + (f"; not calibrated for {' and '.join(missing)}" if missing else "")


def scored(
    stored: ItemPoints, names: Vectors, allowed: NDArray[np.int64] | None
) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """Blocks of item ids and the cosine of each item's best point with each name, (items, names)."""
    ends = np.append(stored.starts, len(stored.points))[1:]
    for start in range(0, len(stored.items), BLOCK):
        ids = stored.items[start : start + BLOCK]
        first, last = stored.starts[start], ends[min(start + BLOCK, len(ends)) - 1]
        cosines = stored.points[first:last] @ names.T  # (points, dim) · (dim, names)
        best = np.maximum.reduceat(cosines, stored.starts[start : start + BLOCK] - first, axis=0)
        kept = np.ones(len(ids), np.bool_) if allowed is None else np.isin(ids, allowed)
        yield ids[kept], best[kept]


def _named(
    names: Sequence[str], cosines: Vectors, chance: float | None, sharpness: float, top: int
) -> tuple[Named, ...]:
    order = np.argsort(-cosines, kind="stable")[:top].tolist()
    share = shares(cosines, sharpness)
    return tuple(
        Named(names[at], float(share[at]), float(cosines[at]), None if place else chance)
        for place, at in enumerate(order)
    )
