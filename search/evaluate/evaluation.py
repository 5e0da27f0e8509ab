"""Recall@k and MRR between the modalities of a library, by exact search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.indexer.library import Library
from hearsee.search.evaluate.metrics import estimates
from hearsee.search.evaluate.ranks import NONE, ItemPoints, first_ranks
from hearsee.search.evaluate.relevance import Classes, by_group, by_keys, labels_of
from hearsee.search.evaluate.report import Direction, Report
from hearsee.search.stored import live_points

if TYPE_CHECKING:  # the searcher stands on parts of this package
    from hearsee.search.searcher import Searcher

RelevantBy: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
Progress: TypeAlias = Callable[[str, int, int], None]  # direction, queries done, queries in all


def evaluate(
    library: Library | Searcher,
    *,
    directions: Sequence[str] | None = None,
    relevant_by: RelevantBy | None = None,
    k: Sequence[int] = (1, 5, 10),
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Report:
    """Measure every direction ("text->image") in which items have something relevant to find.

    recall@k is the share of queries with at least one relevant item among the first k; MRR the mean of 1 / rank of the
    first relevant one. Relevant is what shares the asking item's group, or, with `relevant_by`, what has equal values
    under these metadata keys (one list for all directions, or a list by direction; directions not named go by group).
    Every live item of the answering modality is a candidate, except the one that asks. `limit` asks with that many
    items a direction, drawn by the seed.
    """
    library = library if isinstance(library, Library) else library.library
    cuts = _cuts(k)
    if limit is not None and limit < 1:
        raise BadInput(f"limit is {limit}: ask with at least one item a direction")
    snapshot = library.snapshot()
    stored = {modality: ItemPoints.of(*live_points(snapshot, modality)) for modality in Modality}
    known: dict[tuple[str, ...], Classes] = {}
    measured: dict[str, Direction] = {}
    for name in directions_of(directions):
        keys = keys_of(relevant_by, name)
        if keys not in known:
            known[keys] = by_keys(library.catalog, keys) if keys else by_group(library.catalog)
        found = _measure(name, stored, known[keys], keys, cuts, limit, seed, progress)
        if found is not None:
            measured[name] = found
    if not measured:
        raise BadInput(_nothing(library, relevant_by, directions))
    return Report(measured, library.info.space, snapshot.generation, seed)


def _measure(
    name: str,
    stored: Mapping[Modality, ItemPoints],
    classes: Classes,
    keys: Sequence[str],
    cuts: Sequence[int],
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Direction | None:
    asking, answering = split(name)
    ask, answer = stored[asking], stored[answering]
    labels, answers = labels_of(ask.items, classes, asking), labels_of(answer.items, classes, answering)
    rows = askers(labels, answers, same=asking is answering)
    if not len(rows):
        return None
    if limit is not None and limit < len(rows):
        rng = np.random.default_rng([seed, crc32(name.encode())])  # a direction's draw does not depend on the others
        rows = np.sort(rng.choice(rows, limit, replace=False))
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(name, done, len(rows))

    itself = rows if asking is answering else None
    ranks = first_ranks(ask.asked(rows), labels[rows], answer, answers, itself, count)
    by = ", ".join(keys) or "group"
    return Direction(asking, answering, len(rows), len(answer.items), by, estimates(ranks, cuts, seed))


def askers(labels: NDArray[np.int64], answers: NDArray[np.int64], same: bool) -> NDArray[np.int64]:
    """Places of the items that have something relevant to find, besides themselves."""
    values, counts = np.unique(answers[answers != NONE], return_counts=True)
    return np.flatnonzero(np.isin(labels, values[counts > 1] if same else values) & (labels != NONE))


def split(direction: str) -> tuple[Modality, Modality]:
    asking, arrow, answering = direction.partition("->")
    if not arrow:
        raise BadInput(f"direction {direction!r} is not understood: write it like text->image")
    return Modality.named(asking.strip()), Modality.named(answering.strip())


def directions_of(given: Sequence[str] | None) -> list[str]:
    """All pairs of different modalities, unless some are named; text->text and the like only when they are."""
    pairs = permutations(Modality, 2) if given is None else [split(name) for name in given]
    return list(dict.fromkeys(f"{asking}->{answering}" for asking, answering in pairs))


def keys_of(relevant_by: RelevantBy | None, direction: str) -> tuple[str, ...]:
    if isinstance(relevant_by, str):
        raise BadInput(f"relevant_by is {relevant_by!r}: give a list of metadata keys")
    if isinstance(relevant_by, Mapping):
        return tuple({"->".join(split(name)): keys for name, keys in relevant_by.items()}.get(direction, ()))
    return tuple(relevant_by or ())


def _cuts(k: Sequence[int]) -> list[int]:
    if not k or any(isinstance(cut, bool) or not isinstance(cut, int) or cut < 1 for cut in k):
        raise BadInput(f"k is {list(k)!r}: give whole numbers of 1 or more, such as 1, 5, 10")
    return sorted(set(k))


def _nothing(library: Library, relevant_by: RelevantBy | None, directions: Sequence[str] | None) -> str:
    where = f"library {library.folder}" + (f" in {', '.join(directions)}" if directions else "")
    if relevant_by:
        return f"nothing to measure in {where}: no two items agree in the given metadata keys; name keys that they have"
    return (
        f"nothing to measure in {where}: no group holds items of two modalities; index a table with a `group` column "
        "(or with a path and a text in each row), or name metadata keys that relevant items share"
    )
