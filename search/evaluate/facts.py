"""A library's own metadata as facts, to learn edits and steering away from: things that differ in one key or two."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.align.facts import Facts, Numbers, Sayings
from hearsee.indexer.library import Library
from hearsee.search.evaluate.ranks import ItemPoints
from hearsee.search.evaluate.relevance import all_items
from hearsee.search.evaluate.shown import shown_by
from hearsee.search.stored import live_points

FILLED = 0.9  # share of the things that have a value under a key
VALUES = (2, 64)  # different ones of a key
TURNS = 4  # partners looked for, for each thing and each key
BATCH_TEXTS = 256
SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
Held: TypeAlias = Mapping[str, dict[Modality, int]]  # first item of each modality, by thing


@dataclass(frozen=True)
class _Table:
    """What is written of each thing, and the values of each key in order."""

    keys: tuple[str, ...]
    values: Numbers  # (things, keys)
    names: tuple[tuple[Any, ...], ...]  # by key and value


def library_facts(library: Library, keys: Sequence[str] | None = None, seed: int = 0) -> Facts:
    """Groups, or items that have none, as things; their metadata under `keys` (else whatever fits) as what is known.

    All things hold the same modalities: those that at least half as many hold as the most common one. A value is said
    as it is written; a key counts where vectors tell it.
    """
    held, written = _things(library)
    modalities = _common(held)
    things = [name for name, items in held.items() if modalities <= items.keys()]
    table = _table([written[name] for name in things], keys)
    kept = np.flatnonzero((table.values >= 0).all(axis=1))
    table = replace(table, values=table.values[kept])
    snapshot = library.snapshot()
    items = {}
    for modality in (one for one in Modality if one in modalities):
        stored = ItemPoints.of(*live_points(snapshot, modality))
        ids = np.array([held[things[at]][modality] for at in kept], np.int64)
        items[modality] = stored.asked(np.searchsorted(stored.items, ids))
    shows = {modality: shown_by(rows, table.values) for modality, rows in items.items()}
    table, shows = _told(table, shows)
    rng = np.random.default_rng(seed)
    short, said = _short_texts(table, rng)
    return Facts(
        table.keys,
        table.values,
        items,
        shows,
        _encoded(library.space, short),
        said,
        _sayings(library.space, table),
        pairs_of(table.values, rng),
    )


def parted(facts: Facts, shares: Sequence[float], seed: int = 0) -> list[Facts]:
    """The things dealt out by these shares, each part with pairs of its own."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(facts))
    ends = np.round(np.cumsum(shares) * len(facts)).astype(np.int64)
    return [_some(facts, np.sort(rows), rng) for rows in np.split(order, ends[:-1])]


def pairs_of(values: Numbers, rng: np.random.Generator) -> Numbers:
    """Pairs of things that differ in one key, or in two, both ways; some of them where there are many."""
    found = [
        _partners(values, list(differing), rng, TURNS if count == 1 else 1)
        for count in (1, 2)
        for differing in combinations(range(values.shape[1]), count)
    ]
    pairs = np.unique(np.concatenate([np.empty((0, 2), np.int64), *found]), axis=0)
    return np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)


def _partners(values: Numbers, differing: Sequence[int], rng: np.random.Generator, turns: int) -> Numbers:
    """For each thing some others that are the same in all keys but these: (pairs, 2)."""
    rest = np.delete(values, differing, axis=1)
    _, code, sizes = np.unique(rest, axis=0, return_inverse=True, return_counts=True)
    code = code.reshape(-1)
    order, starts = np.argsort(code, kind="stable"), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    this = np.arange(len(values))
    found = []
    for _ in range(turns):
        other = order[starts[code] + rng.integers(0, sizes[code])]
        differs = (values[this][:, differing] != values[other][:, differing]).all(axis=1)
        found.append(np.stack([this, other], axis=1)[differs])
    return np.concatenate(found)


def _some(facts: Facts, rows: Numbers, rng: np.random.Generator) -> Facts:
    return replace(
        facts,
        values=facts.values[rows],
        items={modality: vectors[rows] for modality, vectors in facts.items.items()},
        short=facts.short[rows],
        said=facts.said[rows],
        pairs=pairs_of(facts.values[rows], rng),
    )


def _things(library: Library) -> tuple[Held, Mapping[str, dict[str, Any]]]:
    """The first item of each modality of each thing, and all that is written of it, the first to say a key first."""
    held: dict[str, dict[Modality, int]] = {}
    written: dict[str, dict[str, Any]] = {}
    for item in all_items(library.catalog):
        name = f"group {item.group}" if item.group is not None else f"item {item.id}"
        held.setdefault(name, {}).setdefault(item.modality, item.id)
        written[name] = dict(item.metadata) | written.get(name, {})
    return held, written


def _common(held: Held) -> set[Modality]:
    counts = Counter(modality for items in held.values() for modality in items)
    most = max(counts.values(), default=0)
    return {modality for modality, count in counts.items() if 2 * count >= most}


def _table(written: Sequence[Mapping[str, Any]], keys: Sequence[str] | None) -> _Table:
    """The keys asked for, or those with few values that nearly all things have; -1 where a thing has none."""
    names, columns = [], []
    for key in dict.fromkeys(keys or [key for one in written for key in one]):
        told = [_plain(one.get(key)) for one in written]
        counts = Counter(value for value in told if value is not None)
        fits = VALUES[0] <= len(counts) <= VALUES[1] and sum(counts.values()) >= FILLED * len(told)
        if keys and not fits:
            raise BadInput(
                f"the key {key[:60]!r} has {len(counts)} values, in {sum(counts.values()):,} of {len(told):,} things: "
                f"an edit needs {VALUES[0]} to {VALUES[1]} values, in {FILLED:.0%} of them"
            )
        if fits:
            place = {value: at for at, value in enumerate(sorted(counts))}
            names.append((key, tuple(json.loads(value) for value in place)))
            columns.append([place.get(value, -1) if value is not None else -1 for value in told])
    values = np.array(columns, np.int64).reshape(len(columns), len(written)).T
    return _Table(tuple(key for key, _ in names), values, tuple(values for _, values in names))


def _plain(value: Any) -> str | None:
    """Words, numbers and yes or no, as JSON; nothing else can be said in a word."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value) if isinstance(value, str | int) and value != "" else None


def _told(table: _Table, shows: Mapping[Modality, Bitmap]) -> tuple[_Table, dict[Modality, Bitmap]]:
    """Keys that pictures or sounds tell, those that all tell and that have the most values first."""
    media = [one for modality, one in shows.items() if modality is not Modality.TEXT]
    if not media:
        raise BadInput("edits are learned from pictures or sounds with metadata: the library has neither")
    known = np.flatnonzero(np.any(media, axis=0))
    if not len(known):
        raise BadInput(
            f"nothing to learn edits from: {', '.join(table.keys) or 'no key'} cannot be told from the library's "
            "pictures or sounds; items need metadata with a few values each, such as colour or count"
        )
    every = np.all(media, axis=0)
    order = sorted(known.tolist(), key=lambda at: (not every[at], -len(table.names[at]), table.keys[at]))
    chosen = _Table(
        tuple(table.keys[at] for at in order), table.values[:, order], tuple(table.names[at] for at in order)
    )
    return chosen, {modality: one[order] for modality, one in shows.items()}


def sayings_of(key: str, value: Any) -> Iterator[str]:
    """How a value is said: by itself, and with its key."""
    named = key.replace("_", " ")
    if isinstance(value, bool):
        yield from ((named, f"with {named}") if value else (f"no {named}", f"without {named}"))
        return
    spoken = str(value).replace("_", " ")
    yield spoken
    yield f"{named} {spoken}"
    if isinstance(value, int) and 0 <= value < len(SPELLED):
        yield SPELLED[value]


def _sayings(space: Space, table: _Table) -> Sayings:
    said = [
        (at, value, words)
        for at, (key, names) in enumerate(zip(table.keys, table.names, strict=True))
        for value, name in enumerate(names)
        for words in dict.fromkeys(sayings_of(key, name))
    ]
    words = [one for *_, one in said]
    keys, values = (np.array([one[at] for one in said], np.int64) for at in (0, 1))
    return Sayings(tuple(words), keys, values, _encoded(space, words))


def _short_texts(table: _Table, rng: np.random.Generator) -> tuple[list[str], Bitmap]:
    """A value or two of each thing, said after each other: what people type."""
    things, keys = table.values.shape
    count = rng.integers(1, 1 + min(2, keys), things)
    said = rng.random((things, keys)).argsort(axis=1).argsort(axis=1) < count[:, None]
    texts = [
        " ".join(next(sayings_of(table.keys[at], table.names[at][row[at]])) for at in np.flatnonzero(which)[::-1])
        for row, which in zip(table.values.tolist(), said, strict=True)
    ]
    return texts, said


def _encoded(space: Space, texts: Sequence[str]) -> Vectors:
    """Each text once."""
    tower = space.tower(Modality.TEXT)
    prepare = find_preparation(tower.preparation)
    known = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    pieces = [prepare(Words(text))[0] for text in known]
    batches = [tower.encode(pieces[start : start + BATCH_TEXTS]) for start in range(0, len(pieces), BATCH_TEXTS)]
    rows = space.project(Modality.TEXT, np.concatenate(batches))
    places: NDArray[np.int64] = np.array([known[text] for text in texts], np.int64)
    return rows[places]
