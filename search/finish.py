"""What may happen between finding and showing: words beside vectors, duplicates folded, hits that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.catalog import Catalog, Phrase
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.gallery import Near
from hearsee.indexer.snapshot import Snapshot
from hearsee.search import lexical
from hearsee.search.answer import Hit
from hearsee.search.diversity import POOL, diverse, likeness
from hearsee.search.duplicates import folded
from hearsee.search.finishing import Finishing
from hearsee.search.stored import count, live_points


@dataclass(frozen=True)
class Finish:
    """What was asked for; as it is made, nothing happens."""

    texts: tuple[str, ...] = ()  # whose words are looked for
    names: tuple[Phrase, ...] = ()  # exact names among them, where only these are looked for
    folding: float | None = None  # cosine from which a hit stands for another
    diversity: float = 0.0

    @classmethod
    def of(cls, asked: Finishing, texts: tuple[str, ...]) -> Finish:
        names = tuple(lexical.names_in(texts)) if asked.lexical is None else ()
        return cls(texts if asked.lexical else (), names, asked.folding, asked.diversity)

    def __bool__(self) -> bool:
        return bool(self.texts or self.names) or self.folding is not None or self.diversity > 0

    def depth(self, k: int) -> int:
        """Places by vectors that k hits are made of."""
        choosing = self.folding is not None or self.diversity > 0
        return max(k, 5 * k if choosing else 0, POOL if choosing else 0, lexical.DEPTH if self.texts else 0)


NOTHING_MORE = Finish()


@dataclass(frozen=True)
class Finished:
    places: list[Near]
    words: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # item id -> what the query says and it holds
    stands_for: Mapping[int, list[int]] = field(default_factory=dict)  # item id -> items folded into it, best first
    by_words: frozenset[int] = frozenset()  # items that vectors did not find, so nobody judged how near they are

    def said(self, finish: Finish) -> str:
        """What happened, to follow a plan's words."""
        words = f"; {len(self.words):,} of the best hold its words" if finish.texts else ""
        if finish.names and self.words:
            words = f"; exact words: {', '.join(dict.fromkeys(one for held in self.words.values() for one in held))}"
        folding = f"; near-duplicates folded from a cosine of {finish.folding:g}" if finish.folding is not None else ""
        return words + folding + (f"; diversity {finish.diversity:g}" if finish.diversity else "")


@dataclass(frozen=True)
class Shelf:
    """Where places come from."""

    catalog: Catalog
    snapshot: Snapshot
    targets: Mapping[Modality, Vectors]  # one row each
    allowed: Ids | None
    left_out: frozenset[int]


def finished(near: list[Near], shelf: Shelf, finish: Finish, k: int) -> Finished:
    """The k places to show, of those found by vectors, best first, and of those that words find."""
    places, worth = near, [place[0] for place in near]
    wording, beside = _wording(shelf, finish), list[Near]()
    words = wording.held
    if finish.texts or wording.places:
        beside = _beside(near, shelf, wording)
        places = lexical.merged(near, beside, wording)
        worth = [1 / (lexical.SMOOTH + at) for at in range(1, len(places) + 1)]
    by_words = frozenset(item for _, item, _ in beside)
    if finish.folding is None and not finish.diversity:
        return Finished(places[:k], words, {}, by_words)
    pool = places[: finish.depth(k)]
    points, kinds = _directions(pool, shelf.snapshot)
    stands_for: dict[int, list[int]] = {}
    kept = list(range(len(pool)))
    if finish.folding is not None:
        known = shelf.catalog.items([place[1] for place in pool])
        contents = [known[item].content if item in known else str(item) for _, item, _ in pool]
        groups = folded(points, kinds, contents, finish.folding)
        kept = list(groups)
        stands_for = {pool[at][1]: [pool[other][1] for other in others] for at, others in groups.items() if others}
    if finish.diversity:
        alike = likeness(points[kept], [kinds[at] for at in kept])
        kept = [kept[at] for at in diverse([worth[at] for at in kept], alike, k, finish.diversity)]
    return Finished([pool[at] for at in kept[:k]], words, stands_for, by_words)


def _wording(shelf: Shelf, finish: Finish) -> lexical.Wording:
    counts = {modality: count(shelf.snapshot, modality) for modality in shelf.targets}
    if finish.texts:
        return lexical.worded(shelf.catalog, finish.texts, counts, shelf.allowed, shelf.left_out)
    return lexical.named(shelf.catalog, finish.names, counts, shelf.allowed, shelf.left_out)


def noted(hits: Sequence[Hit], done: Finished, catalog: Catalog) -> list[Hit]:
    """Hits with the words they hold and the items they stand for."""
    folded_ids = [other for hit in hits for other in done.stands_for.get(hit.item.id, ())]
    known = catalog.items(folded_ids) if folded_ids else {}
    return [
        replace(
            hit,
            words=done.words.get(hit.item.id, ()),
            stands_for=tuple(known[other] for other in done.stands_for.get(hit.item.id, ()) if other in known),
        )
        for hit in hits
    ]


def _beside(near: Sequence[Near], shelf: Shelf, wording: lexical.Wording) -> list[Near]:
    """Items that hold the words and are not among the nearest, with their cosines."""
    missing = np.array(sorted(set(wording.places) - {item for _, item, _ in near}), np.int64)
    if not len(missing):
        return []
    found = (
        gallery.nearest(target, len(missing), missing)[0]
        for modality, target in shelf.targets.items()
        if (gallery := shelf.snapshot.parts.get(modality)) is not None
    )
    return [place for places in found for place in places]


def _directions(places: Sequence[Near], snapshot: Snapshot) -> tuple[Vectors, list[str]]:
    """The mean direction of each place's item, (places, dim), and its modality."""
    ids = np.array([item for _, item, _ in places], np.int64)
    at = {item: place for place, item in enumerate(ids.tolist())}
    dim = next((gallery.dim for gallery in snapshot.parts.values()), 1)
    sums, kinds = np.zeros((len(places), dim)), [""] * len(places)
    for modality in snapshot.parts:
        for owner, row in zip(*live_points(snapshot, modality, ids), strict=True):
            place = at[int(owner)]
            sums[place] += row
            kinds[place] = modality.value
    return unit(sums, "hits"), kinds
