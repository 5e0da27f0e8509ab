"""Fits the chance that an item's best name is right, on items whose metadata hold their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.catalog import Catalog
from hearsee.search.calibration.curves import Truth, logistic
from hearsee.search.calibration.evidence import Numbers
from hearsee.search.calibration.fitting import CURVES, FEWEST_QUESTIONS, FOLDS
from hearsee.search.calibration.naming import Naming, NamingCurve, clues
from hearsee.search.calibration.reliability import calibration_error, log_loss, reliability
from hearsee.search.evaluate.ranks import ItemPoints
from hearsee.search.evaluate.relevance import all_items, values_under
from hearsee.search.label import TEMPLATES, directions, scored
from hearsee.search.parts import PartEncoder
from hearsee.search.searcher import Searcher
from hearsee.search.stored import live_points

MOST_NAMES = 500  # of those the library holds, drawn by the seed
LIMIT = 2000  # items of each kind
LISTS = 4  # that each item is asked with, twice; one holds all the names
CLUES: Mapping[str, tuple[int, ...]] = {"cosine": (0,), "margin": (1,), "odds": (2,), "all": (0, 1, 2)}


@dataclass(frozen=True)
class Asked:
    """One row for each list that an item was asked with."""

    clues: Numbers  # (rows, 3)
    truth: Truth  # the best name was the item's own
    own: NDArray[np.int64]  # the item's own name

    def some(self, rows: Truth) -> Asked:
        return Asked(self.clues[rows], self.truth[rows], self.own[rows])


def fit_names(searcher: Searcher, key: str, *, limit: int = LIMIT, seed: int = 0) -> Naming:
    """What `hearsee label` may say about its best name, for every kind with enough items named under `key`."""
    if limit < FEWEST_QUESTIONS:
        raise BadInput(f"limit is {limit}: a chance needs at least {FEWEST_QUESTIONS} items")
    library, snapshot = searcher.library, searcher.library.snapshot()
    rng = np.random.default_rng(seed)
    names, own = _named(library.catalog, key, rng)
    encoder, kinds = PartEncoder(snapshot.space, searcher.settings.limits), {}
    for modality in Modality:
        points = ItemPoints.of(*live_points(snapshot, modality))
        mine = np.array([item for item in points.items.tolist() if item in own], np.int64)
        if len(mine) < FEWEST_QUESTIONS or not snapshot.space.towers.get(Modality.TEXT):
            continue
        mine = np.sort(rng.permutation(mine)[:limit])
        rows = directions(encoder, names, TEMPLATES[modality])
        blocks = list(scored(points, rows, mine))
        cosines = np.concatenate([block for _, block in blocks])
        labels = np.array([own[item] for ids, _ in blocks for item in ids.tolist()], np.int64)
        found = fit_kind(cosines, labels, TEMPLATES[modality], rng)
        if found is not None:
            kinds[modality.value] = found
    if not kinds:
        raise BadInput(
            f"nothing to fit names on in library {library.folder}: no kind has {FEWEST_QUESTIONS} items with words "
            f"under the metadata key {key!r}, of {FOLDS} different names; see `hearsee list --json`"
        )
    return Naming(snapshot.space.fingerprint, library.info.library_id, snapshot.generation, key, kinds, seed)


def fit_kind(
    cosines: Vectors, own: NDArray[np.int64], templates: tuple[str, ...], rng: np.random.Generator
) -> NamingCurve | None:
    """Clues of least surprise and the curve over them; names are dealt to the folds, so none judges itself."""
    known, places = np.unique(own, return_inverse=True)
    asked = ask(cosines, own, rng)
    if len(known) < FOLDS or asked.truth.all() or not asked.truth.any():
        return None
    fold = np.tile(rng.permutation(len(known))[places] % FOLDS, len(asked.truth) // len(own))
    tried = {way: chances for name in CLUES for way, chances in _held_out(name, asked, fold)}
    chosen = min(tried, key=lambda way: log_loss(tried[way], asked.truth))
    weights = weigh(asked, CLUES[chosen[0]])
    return NamingCurve(
        weights=(float(weights[0]), float(weights[1]), float(weights[2])),
        curve=CURVES[chosen[1]](asked.clues @ weights, asked.truth),
        method=", ".join(chosen),
        templates=templates,
        items=len(own),
        names=cosines.shape[1],
        right=float((cosines.argmax(axis=1) == own).mean()),
        error=calibration_error(tried[chosen], asked.truth),
        table=reliability(tried[chosen], asked.truth),
    )


def ask(cosines: Vectors, own: NDArray[np.int64], rng: np.random.Generator) -> Asked:
    """Every item with lists of two names to all of them, once with its own name and once with another instead."""
    items, names = cosines.shape
    found, right = [], []
    itself = np.arange(names)[None, :] == own[:, None]
    for number in range(LISTS):
        sizes = np.full(items, names - 1)
        if number:  # as many short lists as long ones
            sizes = np.exp(rng.uniform(np.log(2), np.log(names), items)).astype(np.int64)
        order = np.where(itself, 2.0, rng.random((items, names))).argsort(axis=1).argsort(axis=1)
        for there in (True, False):
            held = (order < sizes[:, None] - there) | (itself & there)
            listed = np.where(held, cosines, -np.inf)
            found.append(clues(listed))
            right.append(listed.argmax(axis=1) == own if there else np.zeros(items, np.bool_))
    return Asked(np.concatenate(found), np.concatenate(right), np.tile(own, 2 * LISTS))


def weigh(asked: Asked, columns: tuple[int, ...]) -> Numbers:
    """What a logistic regression makes of these clues, (3,), without those that would count against a name."""
    weights = np.zeros(3)
    left = list(columns)
    while left:
        found = logistic(asked.clues[:, left], asked.truth)[:-1]
        if (found > 0).all():
            weights[left] = found
            return weights
        left.pop(int(found.argmin()))
    weights[columns[0]] = 1.0  # nothing tells right from wrong: the curve over it will be flat
    return weights


def _held_out(name: str, asked: Asked, fold: NDArray[np.int64]) -> Iterator[tuple[tuple[str, str], Numbers]]:
    """For each curve the chance of every row, by fits that saw no item of its name."""
    chances = {method: np.empty(len(fold)) for method in CURVES}
    for number in range(FOLDS):
        inside, rest = fold == number, asked.some(fold != number)
        weights = weigh(rest, CLUES[name])
        for method, fit in CURVES.items():
            chances[method][inside] = fit(rest.clues @ weights, rest.truth)(asked.clues[inside] @ weights)
    return iter([((name, method), one) for method, one in chances.items()])


def _named(catalog: Catalog, key: str, rng: np.random.Generator) -> tuple[list[str], dict[int, int]]:
    """The names under the key, and which of them each item has; a name in other cases is the same name."""
    spelled: dict[str, str] = {}
    by_item: dict[int, str] = {}
    for item in all_items(catalog):
        value = (values_under(item.metadata, [key]) or [None])[0]
        if isinstance(value, str) and value.strip():
            by_item[item.id] = value.strip().casefold()
            spelled.setdefault(by_item[item.id], value.strip())
    kept = sorted(spelled)
    if len(kept) > MOST_NAMES:
        kept = sorted(rng.choice(kept, MOST_NAMES, replace=False).tolist())
    places = {name: at for at, name in enumerate(kept)}
    return [spelled[name] for name in kept], {item: places[name] for item, name in by_item.items() if name in places}
