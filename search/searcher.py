"""Answers questions from the newest snapshot of a library."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.fuser import Arrays
from hearsee.core.item import Item
from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.core.where import Where
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.library import Library
from hearsee.indexer.snapshot import Snapshot
from hearsee.search.allowed import Filters
from hearsee.search.answer import Answer, Hit
from hearsee.search.calibration.chance import Chances, Scale
from hearsee.search.finish import NOTHING_MORE, Finish, Finished, Shelf, finished, noted
from hearsee.search.finishing import FIRST
from hearsee.search.fusion import EncodedPart, Fusion, chosen_fusion, named_fusion
from hearsee.search.fusion.edits import find_edits, said
from hearsee.search.fusion.heard import aimed, hardly_heard
from hearsee.search.judged import Rank, with_chances, with_reasons
from hearsee.search.media import content_of
from hearsee.search.parts import PartEncoder, mean_direction
from hearsee.search.places import Apart, Place, apart, asks_alone, found_places, one_target, part_by_part
from hearsee.search.plan import Plan, plan
from hearsee.search.query import Part, Query, ask, brief, hits_wanted, parsed, wanted_modalities
from hearsee.search.rerank import SecondLook, reranked
from hearsee.search.rerank.named import Rerankers
from hearsee.search.stored import count, exact, item_named, vectors_of
from hearsee.search.tokens import EncodedQuery, Tokens

SPARE = 64  # places beyond k on the last try, for those that vanish meanwhile
MOST_COPIES = 100  # of the files that are asked with, left out of their own answer
SNAPSHOTS_TRIED = 4  # a library that changes faster than it is asked is answered for as it was


@dataclass(frozen=True)
class Found:
    """Hits for each row of the targets, and how they were found."""

    hits: list[list[Hit]]
    plan: Plan
    timings: dict[str, float]
    snapshot: Snapshot
    by_words: frozenset[int] = frozenset()  # items that only words found


class Searcher:
    """Asks one library in its own space; safe to share by threads, and always sees the newest commit."""

    def __init__(
        self,
        library: Library,
        *,
        fusion: Fusion | None = None,
        settings: Settings | None = None,
        space: Space | None = None,
    ) -> None:
        self.library = library
        self._space = space or library.space
        self._given, self._next, self._switching = fusion, self, threading.Lock()
        self.fusion: Fusion = fusion or chosen_fusion(library.folder, self._space)
        self.settings = settings or Settings()
        learned = find_edits(library.folder, self._space)
        self._rules: Mapping[str, Arrays] = {} if learned is None else learned.weights  # by role
        self._parts = PartEncoder(self._space, self.settings.limits)
        self._chances = Chances(library, self._space)
        self._tokens = Tokens()
        self._filters = Filters(library.catalog)
        self._rerankers = Rerankers(self._space)

    @property
    def space(self) -> Space:
        return self.library.space

    def close(self) -> None:
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search(
        self,
        *,
        text: Any = None,
        image: Any = None,
        audio: Any = None,
        like: Any = None,
        weights: Mapping[str, float] | None = None,
        without: Any = None,
        edit: Any = None,
        wanted: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | Where | None = None,
        k: int = 10,
        min_chance: float | None = None,
        explain: bool = False,
        keep: bool = False,
        token: str | None = None,
        skip_bad_parts: bool = False,
        lexical: bool | None = None,
        fold_duplicates: bool | float = False,
        diverse: float = 0.0,
        rerank: str | bool = False,
        rerank_first: int = FIRST,
        fusion: str | None = None,
    ) -> Answer:
        """Ask with any mix of words, pictures, sounds and items; each part may be one or a list.

        text: words. image, audio: a path, the bytes of a file, a PIL image, or (samples, rate). like: an item's id or
        URI. edit: words for what is to be different about all that: "blue". without: words, or a mapping with the same
        parts. weights: by part, `{"image": 2}`, with "edit" and "without". wanted: modalities of the hits. where: a
        filter on metadata. min_chance: leave out hits with a smaller chance of being relevant. explain: say what each
        part did for each hit. keep: give a token, with which (instead of parts) the same query is asked again with
        other weights. skip_bad_parts: go on without parts that cannot be read. lexical: also look for the words in
        names, captions and texts; None: for exact names and numbers only. fold_duplicates: near-duplicates become one
        hit (True, or the cosine from which). diverse: from 0, as they come, to 1, all different. rerank: look again at
        the first `rerank_first` hits with a model that reads the words and the thing together (True: the space's own,
        or a name or folder). fusion: a way to fuse by name instead of what won for this mix; "late" merges the parts'
        own lists.
        """
        return self.answer(
            ask(
                text=text, image=image, audio=audio, like=like, weights=weights, without=without,
                edit=edit, wanted=wanted, where=where, k=k, max_k=self.settings.max_k, min_chance=min_chance,
                explain=explain, keep=keep, token=token, skip_bad_parts=skip_bad_parts, lexical=lexical,
                fold_duplicates=fold_duplicates, diverse=diverse, rerank=rerank, rerank_first=rerank_first,
                fusion=fusion,
            )
        )  # fmt: skip

    def answer(self, query: Query) -> Answer:
        started = perf_counter()
        snapshot = self.library.snapshot()
        if snapshot.space is not self._space:
            return self._of(snapshot.space).answer(query)
        if query.token is not None:
            asked = self._tokens.query(query.token).weighed(query.weights)
        else:
            asked = self._encode(query.parts, snapshot, query.skip_bad_parts)
        wanted = query.wanted or default_wanted(snapshot)
        look = self._second_look(query, asked, wanted)
        fusion = self._fusion(query.fusion)
        aims = {modality: aimed(fusion, asked.parts, modality) for modality in wanted}
        targets = {modality: target[None, :] for modality, (target, _) in aims.items()}
        lists = apart(asked.parts, wanted, fusion)
        encoded = perf_counter()
        scales = self._chances.scales(snapshot, asked.parts, targets, fusion, asked.likes)
        if query.min_chance is not None and scales.by_modality is None:
            raise BadInput(f"min_chance needs chances, and this query has none: {scales.standing.words}")
        judged = perf_counter()
        finish = Finish.of(query.finishing, asked.texts)
        k = query.k if look is None else max(query.k, look.first)
        asking = asks_alone(asked.parts)
        found = self._find(snapshot, targets, query.where, k, asked.likes, [scales.by_modality], finish, lists, asking)
        told = said(asked.parts) + hardly_heard(asked.parts, {modality: low for modality, (_, low) in aims.items()})
        found = replace(found, plan=replace(found.plan, words=found.plan.words + told))
        hits, close = with_chances(found.hits[0], scales.by_modality, query.min_chance, found.by_words)
        if look is not None:
            looking = perf_counter()
            looked = reranked(hits, look, self.settings.limits)
            hits, how = looked.hits[: query.k], replace(found.plan, words=found.plan.words + looked.said(look))
            found = replace(found, plan=how, timings=found.timings | {"rerank_ms": (perf_counter() - looking) * 1e3})
        if query.explain:
            rank = self._ranking(asked, query, found.snapshot, fusion)
            hits = with_reasons(hits, asked, targets, fusion, found.snapshot, rank)
        timings = {
            "encode_ms": (encoded - started) * 1e3,
            "chance_ms": (judged - encoded) * 1e3,
            **found.timings,
            "total_ms": (perf_counter() - started) * 1e3,
        }
        return Answer(
            hits, found.plan, timings, found.snapshot.generation, scales.standing,
            None if close is None else not close, asked.skipped,
            query.token or (self._tokens.keep(asked) if query.keep else None),
        )  # fmt: skip

    def _of(self, space: Space) -> Searcher:
        """The searcher of the space that is live by now; what this one has encoded and learned means nothing there."""
        with self._switching:
            if self._next._space is not space:
                self._next = Searcher(self.library, fusion=self._given, settings=self.settings, space=space)
            return self._next

    def _after(self, snapshot: Snapshot) -> Snapshot:
        """The newest snapshot, unless other heads are live in it: then the one that a query began with."""
        newest = self.library.snapshot()
        return newest if newest.space is snapshot.space else snapshot

    def _fusion(self, name: str | None) -> Fusion:
        if name is None:
            return self.fusion
        return named_fusion(name, self.fusion, self.library.folder, self._space)

    def _second_look(self, query: Query, asked: EncodedQuery, wanted: Sequence[Modality]) -> SecondLook | None:
        if not query.finishing.rerank:
            return None
        name, reranker = self._rerankers.find(query.finishing.rerank)
        return SecondLook.of(name, reranker, asked.texts, wanted, query.finishing.first)

    def _ranking(self, asked: EncodedQuery, query: Query, snapshot: Snapshot, fusion: Fusion) -> Rank:
        """How queries made of some of these parts are ranked: as the whole one was."""

        def rank(targets: Mapping[Modality, Vectors], made_of: Sequence[Sequence[int]], k: int) -> list[list[Place]]:
            allowed = self._allowed(query.where, snapshot, targets)
            parts = [[asked.parts[at] for at in places] for places in made_of]
            single = [{m: rows[row : row + 1] for m, rows in targets.items()} for row in range(len(parts))]
            lists = [apart(mine, tuple(targets), fusion) for mine in parts]
            scales = [
                self._chances.scales(snapshot, mine, target, fusion).by_modality
                for mine, target in zip(parts, single, strict=True)
            ]
            found = one_target(snapshot, targets, k, allowed, asked.likes, scales)
            return [
                near if mine is None else part_by_part(snapshot, target, mine, k, allowed, asked.likes, scale)
                for near, mine, target, scale in zip(found, lists, single, scales, strict=True)
            ]

        return rank

    def nearest(
        self,
        vectors: NDArray[Any],
        wanted: str | Sequence[str] | None = None,
        k: int = 10,
        where: Mapping[str, Any] | Where | None = None,
        asking: str | None = None,
    ) -> list[list[Hit]]:
        """Ask with vectors that are encoded already, (queries, dim): the hits of each row.

        asking: the modality that all of them were encoded from, where it is known: shards that may miss then look no
        harder than was proved for it. Otherwise they look as hard as it takes for every modality.
        """
        rows = unit(_numbers(vectors), "query vectors")
        if rows.shape[1] != self.space.dim:
            raise BadInput(
                f"query vectors have {rows.shape[1]} dimensions: space {self.space.name} has {self.space.dim}"
            )
        modalities, k = wanted_modalities(wanted), hits_wanted(k, self.settings.max_k)
        snapshot = self.library.snapshot()
        targets = dict.fromkeys(modalities or default_wanted(snapshot), rows)
        by = None if asking is None else Modality.named(asking)
        return self._find(snapshot, targets, parsed(where), k, frozenset(), asking=by).hits

    def _encode(self, parts: Sequence[Part], snapshot: Snapshot, skip_bad: bool) -> EncodedQuery:
        """The parts as vectors; one that cannot be read ends the query, or is left out and named."""
        skipped: list[str] = []
        if skip_bad:
            found = []
            for part in parts:
                try:
                    found.append((part, self._vectors([part], snapshot)[0]))
                except (BadMedia, NotFound) as error:
                    skipped.append(str(error))
            if all(part.negative or part.edit for part, _ in found):
                raise BadMedia(f"no part of the query could be read: {'; '.join(skipped)}")
        else:
            found = list(zip(parts, self._vectors(parts, snapshot), strict=True))
        return EncodedQuery(
            tuple(
                EncodedPart(modality, part.weight, part.negative, vector, part.edit, self._rules.get(part.role))
                for part, (modality, _, vector) in found
            ),
            tuple(part.role for part, _ in found),
            tuple(part.name for part, _ in found),
            frozenset(item_id for _, (_, item_id, _) in found if item_id is not None)
            | self._edited([part for part, _ in found]),
            tuple(skipped),
            tuple(part.value for part, _ in found if part.role == "text"),
        )

    def _edited(self, parts: Sequence[Part]) -> frozenset[int]:
        """Items that are the very files an edit changes: "this picture, but blue" never asks for this picture."""
        if not any(part.edit for part in parts):
            return frozenset()
        files = [part for part in parts if part.kind in ("image", "audio") and not part.negative]
        known = (content_of(part.kind, part.value, self.settings.limits) for part in files)
        return frozenset(self.library.catalog.made_of([one for one in known if one is not None])[:MOST_COPIES])

    def _vectors(self, parts: Sequence[Part], snapshot: Snapshot) -> list[tuple[Modality, int | None, Vectors]]:
        """Each part's modality and vector, and its id where it is an item, which is not its own answer."""
        fresh = iter(self._parts.encode([part for part in parts if part.kind != "like"]))
        return [
            self._liked(part.value, snapshot) if part.kind == "like" else (Modality(part.kind), None, next(fresh))
            for part in parts
        ]

    def _liked(self, name: int | str, snapshot: Snapshot) -> tuple[Modality, int, Vectors]:
        """An item's own vectors: nothing is read or encoded again."""
        item = item_named(self.library.catalog, name)
        if item is not None:
            # The item may have been committed after the snapshot was taken.
            for held in (snapshot, self._after(snapshot)):
                points = vectors_of(held, item.modality, item.id)
                if len(points):
                    return item.modality, item.id, mean_direction(points, f"the vectors of item {item.id}")
        raise NotFound(f"like: no item {brief(name)} is in library {self.library.folder}; see `hearsee list`")

    def _find(
        self,
        snapshot: Snapshot,
        targets: Mapping[Modality, Vectors],
        where: Where | None,
        k: int,
        left_out: frozenset[int],
        scales: Sequence[Mapping[Modality, Scale] | None] = (),
        finish: Finish = NOTHING_MORE,  # for one query only
        lists: Apart | None = None,  # the same
        asking: Modality | None = None,
    ) -> Found:
        """Search each wanted modality, merge, and fetch the items; ask again where the library changed meanwhile."""
        started = perf_counter()
        allowed = self._allowed(where, snapshot, targets)
        filtered = perf_counter()
        searching = fetching = 0.0
        done = Finished([])
        for turn in range(SNAPSHOTS_TRIED):
            begun = perf_counter()
            last = turn == SNAPSHOTS_TRIED - 1
            depth = finish.depth(k) + (SPARE if last else 0)
            places = found_places(snapshot, targets, depth, allowed, left_out, scales, lists, asking)
            if finish:
                shelf = Shelf(self.library.catalog, snapshot, targets, allowed, left_out)
                done = finished(places[0], shelf, finish, k + (SPARE if last else 0))
                places = [done.places]
            searched = perf_counter()
            hits, whole = self._fetch(places, k)
            searching, fetching = searching + searched - begun, fetching + perf_counter() - searched
            # A filter was answered for one generation and the hits are shown as of another, unless they are the same.
            if whole and (where is None or self._still(snapshot, where, targets, allowed)):
                break
            if not last:
                snapshot = self._after(snapshot)
                allowed = self._allowed(where, snapshot, targets)
        timings = {"filter_ms": (filtered - started) * 1e3, "search_ms": searching * 1e3, "fetch_ms": fetching * 1e3}
        counts = {modality: count(snapshot, modality) for modality in targets}
        missing = [modality for modality in targets if not exact(snapshot, modality)]
        how = plan(counts, None if allowed is None else len(allowed), len(left_out), missing)
        if finish:
            hits, how = [noted(hits[0], done, self.library.catalog)], replace(how, words=how.words + done.said(finish))
        if lists is not None:
            how = replace(how, words=f"{how.words}; {len(lists.weights)} lists merged by reciprocal rank")
        return Found(hits, how, timings, snapshot, done.by_words)

    def _allowed(self, where: Where | None, snapshot: Snapshot, targets: Collection[Modality]) -> Ids | None:
        """Ids of the items that may be answered with, asked of the catalog, so that no hit is lost to the filter."""
        return None if where is None else self._filters.allowed(where, snapshot, targets)

    def _still(self, snapshot: Snapshot, where: Where, targets: Collection[Modality], allowed: Ids | None) -> bool:
        """Whether the catalog is at the snapshot's generation to this moment, so that its answer may be kept."""
        if self.library.catalog.generation() != snapshot.generation:
            return False
        if allowed is not None:
            self._filters.keep(where, targets, allowed, snapshot.generation)
        return True

    def _fetch(self, places: Sequence[Sequence[Place]], k: int) -> tuple[list[list[Hit]], bool]:
        """k hits for each query by one look-up; False when a point was removed or replaced since the search."""
        shown = self.library.catalog.shown([point_id for row in places for _, _, point_id in row])
        live = [[place for place in row if place[2] in shown] for row in places]
        hits = [
            [_hit(rank, score, *shown[point_id]) for rank, (score, _, point_id) in enumerate(row[:k], 1)]
            for row in live
        ]
        return hits, all(len(kept) == len(row) for kept, row in zip(live, places, strict=True))


def _hit(rank: int, score: float, item: Item, span: Span | None, modality: Modality) -> Hit:
    return Hit(rank, score, item, span, found_as=None if modality is item.modality else modality)


def _numbers(vectors: Any) -> NDArray[np.float32]:
    try:
        return np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise BadInput(f"query vectors must be numbers of shape (queries, dim): {error}") from None


def default_wanted(snapshot: Snapshot) -> tuple[Modality, ...]:
    """Pictures and sounds where the library has any, else texts."""
    media = tuple(modality for modality in (Modality.IMAGE, Modality.AUDIO) if count(snapshot, modality))
    return media or (Modality.TEXT,)
