"""What heads are trained on: backbone vectors by modality, the groups that they belong to, and splits by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput

Ids = NDArray[np.int64]
FEWEST = 20  # groups with two modalities: with fewer no part of a split says anything
CONTRADICTING = 0.5  # share of the groups with several captions from which the column of groups itself is in doubt
BLOCK = 65_536  # rows looked at together


@dataclass(frozen=True)
class Table:
    """Rows of backbone vectors; those of equal group numbers show the same thing, in one modality or another.

    Groups need not have every modality, and may have several rows of one. Rows of equal item numbers are points of one
    item (the windows of a sound): they are asked and found as one.
    """

    vectors: Mapping[str, NDArray[Any]]  # (rows, backbone dim), float16 or float32
    groups: Mapping[str, Ids]  # (rows,)
    items: Mapping[str, Ids]  # (rows,)
    names: Sequence[str] = ()  # of the groups, by number
    notes: Sequence[str] = field(default=())  # what was left out of it, one sentence each

    @property
    def known(self) -> Ids:
        """Every group, ascending."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *self.groups.values()]))

    def name(self, group: int) -> str:
        return self.names[group] if group < len(self.names) else str(group)

    def only(self, groups: Ids) -> Table:
        """The rows of some of the groups."""
        kept = {modality: np.isin(mine, groups) for modality, mine in self.groups.items()}
        cut = {modality: np.asarray(rows[kept[modality]]) for modality, rows in self.vectors.items()}
        numbers, items = ({m: ids[kept[m]] for m, ids in all_.items()} for all_ in (self.groups, self.items))
        there = [modality for modality in cut if len(cut[modality])]
        return Table(
            {m: cut[m] for m in there}, {m: numbers[m] for m in there}, {m: items[m] for m in there}, self.names
        )


def table_of(
    vectors: Mapping[str, NDArray[Any]],
    groups: Mapping[str, Sequence[int] | Ids] | None = None,
    *,
    items: Mapping[str, Ids] | None = None,
    names: Sequence[str] = (),
) -> Table:
    """A checked table; without groups row i of every modality is of group i, without items each row is one.

    Groups with one modality only have nothing to learn from and are left out; so are those whose captions contradict
    each other. Raises BadInput where that leaves too little, or where a vector has no direction.
    """
    for modality, rows in vectors.items():
        _check_rows(modality, rows)
    numbers = {
        modality: np.arange(len(rows)) if groups is None else np.asarray(groups[modality], np.int64)
        for modality, rows in vectors.items()
    }
    for modality, rows in vectors.items():
        if len(numbers[modality]) != len(rows):
            raise BadInput(f"{len(rows):,} {modality} vectors and {len(numbers[modality]):,} groups: give one for each")
    given = items or {modality: np.arange(len(rows)) for modality, rows in vectors.items()}
    table = Table(dict(vectors), numbers, given, names)
    present = [modality for modality, rows in vectors.items() if len(rows)]
    if len(present) < 2:
        raise BadInput(
            f"nothing to align: there are vectors of {present[0] if present else 'no modality'}"
            f"{' only' if present else ''}; groups must hold two of image, audio and text"
        )
    paired = paired_groups(table)
    if not len(paired):
        raise BadInput(
            f"no pairs: no group holds two of {', '.join(present)}; index a table with a `group` column, or with a "
            "path and a text in each row"
        )
    kept, notes = paired, []
    alone = len(table.known) - len(paired)
    if alone:
        notes.append(f"{alone:,} groups with one modality only were left out")
    if (torn := _contradicting(table.only(paired))) is not None and len(torn):
        kept = np.setdiff1d(paired, torn)
        first = table.name(int(torn[0]))
        notes.append(f"{len(torn):,} groups with captions that contradict each other were left out, {first} first")
    if len(kept) < FEWEST:
        raise BadInput(
            f"{len(kept)} groups hold two modalities: training needs {FEWEST} at least to learn and to judge"
        )
    cut = table.only(kept)
    return Table(cut.vectors, cut.groups, cut.items, names, tuple(notes))


def paired_groups(table: Table) -> Ids:
    """Groups with two modalities at least, ascending."""
    each = [np.unique(mine) for mine in table.groups.values()]
    known, counts = np.unique(np.concatenate(each), return_counts=True)
    return np.asarray(known[counts > 1], np.int64)


def pairs_of(table: Table) -> list[tuple[str, str]]:
    """Pairs of modalities that some group holds both of."""
    each = {modality: np.unique(mine) for modality, mine in table.groups.items()}
    return [(a, b) for a, b in combinations(sorted(each), 2) if len(np.intersect1d(each[a], each[b], True))]


@dataclass(frozen=True)
class Split:
    """Groups to learn from, to stop by, and to judge by."""

    train: Table
    validation: Table
    held: Table


def split(table: Table, seed: int = 0, validation: float = 0.1, held: float = 0.2) -> Split:
    """Groups dealt out by chance; those that share a picture or a sound stay together, or the judge would know them."""
    known = table.known
    clans = _clans(table, known)
    members = np.unique(clans)
    order = np.random.default_rng([seed, 77]).permutation(len(members))
    ends = np.rint(len(members) * np.array([held, held + validation])).astype(np.int64)
    place = np.empty(len(members), np.int64)
    place[order] = np.searchsorted(ends, np.arange(len(members)), side="right")  # 0: held out, 1: validation, 2: train
    dealt = place[np.searchsorted(members, clans)]
    parts = [table.only(known[dealt == number]) for number in (2, 1, 0)]
    for name, part in zip(("to learn from", "to stop by", "to judge by"), parts, strict=True):
        if not len(part.groups) or not len(paired_groups(part)):
            raise BadInput(
                f"{len(members)} groups, of which none is left {name}: give more groups, or change the split"
            )
    train, stop, judge = parts
    return Split(replace(train, notes=table.notes), stop, judge)


def _clans(table: Table, known: Ids) -> Ids:
    """For each group the lowest number of those that it shares a vector other than a text with, over any steps."""
    leader = np.arange(len(known))

    def lead(at: int) -> int:
        while leader[at] != at:
            leader[at] = at = int(leader[leader[at]])
        return at

    for modality, rows in table.vectors.items():
        if modality == "text":  # many things are said in the same words
            continue
        numbers = np.searchsorted(known, table.groups[modality])
        seen: dict[int, int] = {}
        for at, row in zip(numbers.tolist(), rows, strict=True):
            one, other = lead(seen.setdefault(hash(row.tobytes()), at)), lead(at)
            leader[max(one, other)] = min(one, other)
    return np.array([lead(at) for at in range(len(known))], np.int64)


def _check_rows(modality: str, rows: NDArray[Any]) -> None:
    if rows.ndim != 2:
        raise BadInput(f"{modality} vectors must have two dimensions (rows, dim), not shape {rows.shape}")
    for start, block in _blocks(rows):
        wide = block.astype(np.float32)
        _refuse(modality, start, ~np.isfinite(wide).all(axis=1), "holds a number that is not finite")
        _refuse(modality, start, ~wide.any(axis=1), "is all zeros")


def _refuse(modality: str, start: int, bad: Any, words: str) -> None:
    if bad.any():
        raise BadInput(f"{modality} vector {start + int(np.argmax(bad)):,} {words}: leave it out, or encode it again")


def _blocks(rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    for start in range(0, len(rows), BLOCK):
        yield start, rows[start : start + BLOCK]


def _contradicting(table: Table) -> Ids | None:
    """Groups whose captions are no more alike than captions of different groups are; none where no group has several.

    Raises BadInput where that is true of most of them: then the groups are not groups.
    """
    if "text" not in table.vectors:
        return None
    rows = table.vectors["text"].astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows -= rows.mean(axis=0)  # what all captions share says nothing
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    known, place, counts = np.unique(table.groups["text"], return_inverse=True, return_counts=True)
    several = counts > 1
    if not several.any():
        return None
    sums = np.zeros((len(known), rows.shape[1]), np.float32)
    np.add.at(sums, place, rows)
    # The mean cosine of two captions of a group, and of two of different groups: all pairs, less each with itself.
    own = np.einsum("gd,gd->g", sums, sums) - counts
    within = own[several] / (counts * (counts - 1))[several]
    total = rows.sum(axis=0)
    between = (float(total @ total) - len(rows) - float(own.sum())) / max(1, len(rows) ** 2 - float((counts**2).sum()))
    torn = known[several][within <= between]
    if len(torn) >= CONTRADICTING * several.sum():
        raise BadInput(
            f"in {len(torn):,} of {int(several.sum()):,} groups the captions contradict each other, "
            f"{table.name(int(torn[0]))} first: they are no more alike than captions of different groups; "
            "check the `group` column"
        )
    return np.asarray(torn, np.int64)
