"""Fits chances for every pair of asker and answering modality that a library holds enough right answers for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.snapshot import Snapshot
from hearsee.search.calibration.chance import fusion_name
from hearsee.search.calibration.evidence import background
from hearsee.search.calibration.fitting import FEWEST_QUESTIONS, fit_pair
from hearsee.search.calibration.pair import PairCalibration
from hearsee.search.calibration.population import Questions, hits_of
from hearsee.search.calibration.presence import Askers, lives_of
from hearsee.search.calibration.stored import Calibration
from hearsee.search.evaluate.evaluation import RelevantBy, split
from hearsee.search.evaluate.ranks import NONE, ItemPoints, Labels
from hearsee.search.evaluate.relevance import Classes, by_group, by_keys, by_pairs, labels_of
from hearsee.search.fusion import EncodedPart, Fusion, merges
from hearsee.search.searcher import Searcher
from hearsee.search.stored import live_points

Progress: TypeAlias = Callable[[str, int, int], None]  # pair, questions asked, questions in all
Mix: TypeAlias = tuple[Modality, ...]
LIMIT = 2000  # questions of a pair: more change chances by less than a hundredth
MIXES: tuple[Mix, ...] = tuple(mix for size in (1, 2, 3) for mix in combinations(Modality, size))


def calibrate(
    searcher: Searcher,
    *,
    relevant_by: RelevantBy | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    limit: int = LIMIT,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Calibration:
    """What each pair's cosines are worth in this library; nothing is written.

    Relevant is what shares the asking item's group, or has equal values under the metadata keys of `relevant_by` (one
    list, or a list by direction; a mix goes by the keys of all its parts), or is named with it in `pairs` of URIs (what
    is paired with the same item belongs together). A mix asks with one item of each of its modalities that belong
    together, fused as a query is, and is never its own answer.
    """
    if limit < FEWEST_QUESTIONS:
        raise BadInput(f"limit is {limit}: a chance needs at least {FEWEST_QUESTIONS} questions")
    library = searcher.library
    snapshot = library.snapshot()
    if pairs is not None and relevant_by is not None:
        raise BadInput("relevant_by and pairs both say what is relevant: give one of them")
    groups = by_group(library.catalog) if pairs is None else by_pairs(library.catalog, pairs)
    fitting = _Fitting(searcher, snapshot, relevant_by, groups, limit, seed)
    plain = "group" if pairs is None else "pair"
    fitted, judged = {}, {}
    for mix in MIXES:
        for answering in Modality:
            name = f"{'+'.join(mix)}->{answering}"
            found = fitting.pair(mix, answering, lambda done, total, name=name: progress(name, done, total))  # type: ignore[misc]
            if found is not None:
                fitted[name], judged[name] = found, ", ".join(fitting.keys(mix, answering)) or plain
    if not fitted:
        raise BadInput(_nothing(searcher, relevant_by))
    return Calibration(
        space_fingerprint=library.space.fingerprint,
        library_id=library.info.library_id,
        generation=snapshot.generation,
        items={modality.value: len(stored.items) for modality, stored in fitting.stored.items()},
        relevant_by=judged,
        fusion=fusion_name(searcher.fusion),
        pairs=fitted,
        seed=seed,
    )


@dataclass
class _Fitting:
    """What all pairs of one library share."""

    searcher: Searcher
    snapshot: Snapshot
    relevant_by: RelevantBy | None
    groups: Classes
    limit: int
    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.relevant_by, str):
            raise BadInput(f"relevant_by is {self.relevant_by!r}: give a list of metadata keys")
        if isinstance(self.relevant_by, Mapping):
            self.relevant_by = {"->".join(split(name)): list(keys) for name, keys in self.relevant_by.items()}
        self.stored = {modality: ItemPoints.of(*live_points(self.snapshot, modality)) for modality in Modality}
        self.backgrounds = {modality: background(self.snapshot, modality) for modality in Modality}
        self.classes: dict[tuple[str, ...], Classes] = {(): self.groups}

    def pair(self, mix: Mix, answering: Modality, on_done: Callable[[int, int], None]) -> PairCalibration | None:
        behind = self.backgrounds[answering]
        asked = self.questions(mix, answering)
        if behind is None or asked is None:
            return None
        questions, rows = asked
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            on_done(done, len(questions))

        answers = self.labels(mix, answering, answering)
        hits = hits_of(questions, self.stored[answering], answers, behind, on_block=count)
        if not len(hits):
            return None
        askers = [self.asking(mix, one, rows[:, column], answering) for column, one in enumerate(mix)]
        kin = self.kin(mix, answering, answering)
        lives = lives_of(questions, askers, self.stored[answering], answers, kin, behind)
        return fit_pair("+".join(mix), answering, hits, lives, self.seed)

    def questions(self, mix: Mix, answering: Modality) -> tuple[Questions, NDArray[np.int64]] | None:
        """Those with something relevant to find besides themselves, at most `limit`, and the places of their parts."""
        rows, labels = self.askers(mix, answering)  # (askers, parts), (askers,)
        answers = self.labels(mix, answering, answering)
        itself = rows[:, [mix.index(answering)]] if answering in mix else np.full((len(rows), 1), NONE)
        there = np.bincount(answers[answers != NONE], minlength=1 + max(labels.max(initial=0), 0))
        left = there[np.maximum(labels, 0)]
        if answering in mix:  # its own item is no answer to it
            left = left - (answers[itself[:, 0]] == labels)
        chosen = np.flatnonzero((left > 0) & (labels != NONE))
        if len(chosen) < FEWEST_QUESTIONS:
            return None
        if len(chosen) > self.limit:
            rng = np.random.default_rng([self.seed, crc32(f"{'+'.join(mix)}->{answering}".encode())])
            chosen = np.sort(rng.choice(chosen, self.limit, replace=False))
        targets = self.targets(mix, rows[chosen], answering)
        kin = self.kin(mix, mix[0], answering)[rows[chosen, 0]]
        lists = self.lists(mix, rows[chosen], answering)
        return Questions(targets, labels[chosen], itself[chosen], kin, lists), rows[chosen]

    def asking(self, mix: Mix, modality: Modality, rows: NDArray[np.int64], answering: Modality) -> Askers:
        """One part of each question, and the library's items of its kind."""
        stored, behind = self.stored[modality], self.backgrounds[modality]
        assert behind is not None  # something of this kind asks
        places = np.searchsorted(stored.items, behind.items)
        labels, kin = self.labels(mix, modality, answering)[places], self.kin(mix, modality, answering)[places]
        return Askers(stored.asked(rows), stored.items[rows], behind, labels, kin)

    def kin(self, mix: Mix, modality: Modality, answering: Modality) -> Labels:
        """The group of each item of a modality; NONE where the group is what is asked for."""
        groups = self.groups if self.keys(mix, answering) else {}
        return labels_of(self.stored[modality].items, groups, modality)

    def askers(self, mix: Mix, answering: Modality) -> tuple[NDArray[np.int64], Labels]:
        """Places of the parts that ask together, and what they ask for: each item alone, or one of each modality.

        Parts of one group belong together; where there are no groups, parts that are relevant to the same.
        """
        own = self.labels(mix, mix[0], answering)
        if len(mix) == 1:
            return np.arange(len(own))[:, None], own
        by = [labels_of(self.stored[one].items, self.groups, one) for one in mix]
        if not all((labels != NONE).any() for labels in by):
            by = [self.labels(mix, one, answering) for one in mix]
        firsts = [dict(_firsts(labels)) for labels in by]
        shared = sorted(set.intersection(*(set(first) for first in firsts)))
        rows = np.array([[first[label] for first in firsts] for label in shared], np.int64).reshape(-1, len(mix))
        return rows, own[rows[:, 0]] if len(rows) else np.empty(0, np.int64)

    def targets(self, mix: Mix, rows: NDArray[np.int64], answering: Modality) -> Vectors:
        asked = [self.stored[one].asked(rows[:, column]) for column, one in enumerate(mix)]
        if len(mix) == 1:
            return asked[0]
        return np.stack([_fused(self.searcher.fusion, mix, vectors, answering) for vectors in zip(*asked, strict=True)])

    def lists(self, mix: Mix, rows: NDArray[np.int64], answering: Modality) -> Vectors | None:
        """What the parts look for one by one, where a search merges their lists."""
        asked = np.stack([self.stored[one].asked(rows[:, column]) for column, one in enumerate(mix)], axis=1)
        parts = [EncodedPart(one, 1.0, False, row) for one, row in zip(mix, asked[0], strict=True)]
        return asked if merges(self.searcher.fusion, parts, answering) else None

    def labels(self, mix: Mix, modality: Modality, answering: Modality) -> Labels:
        """What the items of a modality are relevant to, when this mix asks."""
        keys = self.keys(mix, answering)
        if keys not in self.classes:
            self.classes[keys] = by_keys(self.searcher.library.catalog, keys)
        return labels_of(self.stored[modality].items, self.classes[keys], modality)

    def keys(self, mix: Mix, answering: Modality) -> tuple[str, ...]:
        """The metadata keys that say what is relevant; none: the group."""
        if not isinstance(self.relevant_by, Mapping):
            return tuple(self.relevant_by or ())
        named = [self.relevant_by.get(f"{one}->{answering}", ()) for one in mix]
        return tuple(dict.fromkeys(key for keys in named for key in keys))


def _fused(fusion: Fusion, mix: Mix, vectors: Sequence[Vectors], answering: Modality) -> Vectors:
    return fusion.fuse([EncodedPart(one, 1.0, False, row) for one, row in zip(mix, vectors, strict=True)], answering)


def _firsts(labels: Labels) -> Iterator[tuple[int, int]]:
    """The first place of each label."""
    values, places = np.unique(labels, return_index=True)
    return ((value, place) for value, place in zip(values.tolist(), places.tolist(), strict=True) if value != NONE)


def _nothing(searcher: Searcher, relevant_by: RelevantBy | None) -> str:
    where = f"nothing to calibrate on in library {searcher.library.folder}"
    if relevant_by:
        return f"{where}: fewer than {FEWEST_QUESTIONS} items agree with another in the given metadata keys"
    return (
        f"{where}: fewer than {FEWEST_QUESTIONS} groups hold items of two modalities; index a table with a `group` "
        "column (or with a path and a text in each row), or name metadata keys that relevant items share"
    )
