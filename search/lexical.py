"""What words find, beside what vectors find: a ranking by rare words, and the two merged by reciprocal rank."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hearsee.core.modality import Modality
from hearsee.indexer.catalog import Catalog, Phrase, phrases_in
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.gallery import Near

SMOOTH = 60  # of reciprocal rank fusion: how little the first places differ
DEPTH = 200  # places of either ranking that count
# What an item must hold to count at all: nearly all that the question says, rare words counting more, or a name. Less
# would let pictures with a caption outrank better ones without, by words such as "a" and "left": benchmarks/hybrid.py.
ENOUGH = 0.9
NAME = 5  # items at the most that hold the same name; see is_name
COMMON = 20_000  # items; a phrase that more of them hold says too little about each
LETTERS = 5  # of a name without digits, so that "e.g." is none
_JOINED = re.compile(r"\w[_.@]\w")  # as in report.pdf and my_house; hyphens join plain words, too


@dataclass(frozen=True)
class Wording:
    """Items that hold what the question says, best first."""

    places: Mapping[int, float] = field(default_factory=dict)  # item id -> place from 1; equal ones share their middle
    held: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # item id -> the phrases it holds


def worded(
    catalog: Catalog,
    texts: Sequence[str],
    counts: Mapping[Modality, int],
    allowed: Ids | None = None,
    left_out: frozenset[int] = frozenset(),
) -> Wording:
    """Rank the items that hold the texts' words. counts: items of each modality; allowed: by a filter."""
    phrases = list(dict.fromkeys(phrase for text in texts for phrase in phrases_in(text)))
    found = catalog.holding(phrases, tuple(counts), COMMON + 1)
    kept = [(phrase, ids) for phrase, ids in zip(phrases, found, strict=True) if 0 < len(ids) <= COMMON]
    if not kept:
        return Wording()
    phrases, found = [phrase for phrase, _ in kept], [ids for _, ids in kept]
    return ranked(phrases, found, sum(counts.values()), allowed, left_out)


def names_in(texts: Sequence[str]) -> list[Phrase]:
    """What looks like the name or the number of one thing: IMG_2041, 7731, report.pdf."""
    pieces = ((piece, phrase) for text in texts for piece in text.split() for phrase in phrases_in(piece))
    return list(dict.fromkeys(phrase for piece, phrase in pieces if is_name(phrase) or _is_file(piece, phrase)))


def named(
    catalog: Catalog,
    names: Sequence[Phrase],
    counts: Mapping[Modality, int],
    allowed: Ids | None = None,
    left_out: frozenset[int] = frozenset(),
) -> Wording:
    """Rank the items that hold a name which few others hold; the other words of a question do not count."""
    found = catalog.holding(names, tuple(counts), NAME + 1) if names else []
    kept = [(phrase, ids) for phrase, ids in zip(names, found, strict=True) if 0 < len(ids) <= NAME]
    if not kept:
        return Wording()
    items = np.concatenate([ids for _, ids in kept])
    mine = items if allowed is None else items[np.isin(items, allowed)]
    return ranked([one for one, _ in kept], [ids for _, ids in kept], sum(counts.values()), mine, left_out, enough=0.0)


def ranked(
    phrases: Sequence[Phrase],
    found: Sequence[Ids],
    items: int,
    allowed: Ids | None = None,
    left_out: frozenset[int] = frozenset(),
    enough: float = ENOUGH,
) -> Wording:
    """An item scores Σ log(1 + (N − n + ½) / (n + ½)) over the phrases it holds: N items in all, n of them with it."""
    ids, owner = np.unique(np.concatenate(found), return_inverse=True)
    rarity = [np.log1p((max(items - len(one), 0) + 0.5) / (len(one) + 0.5)) for one in found]
    scores = np.bincount(owner, np.repeat(rarity, [len(one) for one in found]), len(ids))
    named = [one for phrase, one in zip(phrases, found, strict=True) if is_name(phrase) and len(one) <= NAME]
    kept = scores >= enough * sum(rarity)
    kept |= np.isin(ids, np.concatenate([np.empty(0, np.int64), *named]))
    if allowed is not None:
        kept &= np.isin(ids, allowed)
    if left_out:
        kept &= ~np.isin(ids, list(left_out))
    ids, scores = ids[kept], scores[kept].round(9)  # one sum in another order is the same sum
    order = np.lexsort((ids, -scores))
    ids, scores = ids[order], scores[order]
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - (sizes - 1) / 2)[group]  # (items,), rising
    best = middle <= DEPTH
    places = dict(zip(ids[best].tolist(), middle[best].tolist(), strict=True))
    held = {item: tuple(str(p) for p, one in zip(phrases, found, strict=True) if _among(item, one)) for item in places}
    return Wording(places, held)


def merged(near: Sequence[Near], beside: Sequence[Near], wording: Wording) -> list[Near]:
    """One list: 1 / (60 + place by vectors) + 1 / (60 + place by words).

    near: the places by vectors, best first. beside: items that hold the words and are not among them. Every item has
    some place by vectors, so these count as if they came right behind; only what holds a word has a place by words.
    """
    by_vectors = {place[1]: at for at, place in enumerate(near, 1)}

    def order(place: Near) -> tuple[float, float, float, int]:
        score, item, _ = place
        words = wording.places.get(item, np.inf)
        total = 1 / (SMOOTH + by_vectors.get(item, len(near) + 1)) + 1 / (SMOOTH + words)
        return -total, words, -score, item

    return sorted([*near, *beside], key=order)


def is_name(phrase: Phrase) -> bool:
    """`IMG_2041` and `7731` name things; `2` counts them."""
    return any(word.isdecimal() and (len(word) > 2 or len(phrase.words) > 1) for word in phrase.words)


def _is_file(piece: str, phrase: Phrase) -> bool:
    return len(phrase.words) > 1 and _JOINED.search(piece) is not None and sum(map(len, phrase.words)) >= LETTERS


def _among(item: int, ids: Ids) -> bool:
    at = int(np.searchsorted(ids, item))
    return at < len(ids) and int(ids[at]) == item
