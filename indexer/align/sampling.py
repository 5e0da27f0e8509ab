"""Batches of groups: which groups meet, which of their rows speak for them, and how those are made harder to learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hearsee.indexer.align.data import Ids, Table, paired_groups, pairs_of
from hearsee.indexer.align.gathered import of_the_first
from hearsee.indexer.align.loop import Batch
from hearsee.indexer.align.mixing import fuse_mix, kept, noised
from hearsee.indexer.align.negatives import hard_batches, wrong_groups


class Mix(Protocol):
    """How batches are put together; a HeadRecipe says it."""

    @property
    def seed(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def positives(self) -> int: ...
    @property
    def noise(self) -> float: ...
    @property
    def fuse_mix(self) -> float: ...
    @property
    def modality_dropout(self) -> float: ...
    @property
    def hard_negatives(self) -> int: ...


@dataclass(frozen=True)
class _Rows:
    """One modality: its rows ordered by group, so that a group's rows are a stretch."""

    vectors: Tensor  # (rows, backbone)
    starts: Ids  # (groups,)
    counts: Ids  # (groups,)
    same: Ids | None  # (rows,): equal numbers where the vectors are equal; none where no two are

    @classmethod
    def of(cls, vectors: NDArray[Any], groups: Ids, known: Ids) -> _Rows:
        order = np.argsort(groups, kind="stable")
        ordered = groups[order]
        starts, ends = np.searchsorted(ordered, known), np.searchsorted(ordered, known, side="right")
        table = np.ascontiguousarray(vectors[order])
        seen: dict[int, int] = {}  # by hash: the rows themselves would fill the memory again
        same = np.array([seen.setdefault(hash(row.tobytes()), at) for at, row in enumerate(table)], np.int64)
        return cls(torch.from_numpy(table), starts, ends - starts, same if len(seen) < len(table) else None)

    def chosen(self, places: Ids, positives: int, rng: np.random.Generator) -> tuple[Ids, Ids]:
        """Rows of the groups at these places, at most so many of each, and the groups that they are of."""
        there = places[self.counts[places] > 0]
        counts = self.counts[there]
        first = (rng.random(len(there)) * counts).astype(np.int64)
        takes = np.minimum(counts, positives)
        of = np.repeat(there, takes)
        step = np.arange(len(of)) - np.repeat(np.cumsum(takes) - takes, takes)
        offset = (np.repeat(first, takes) + step) % np.repeat(counts, takes)
        return self.starts[of] + offset, of


@dataclass(frozen=True)
class Sampler:
    """Draws by seed and epoch alone, so that an epoch can be had again."""

    mix: Mix
    rows: Mapping[str, _Rows]
    known: Ids
    heads: nn.ModuleDict  # as they stand when an epoch begins: they say which groups are hard to tell apart
    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, table: Table, mix: Mix, heads: nn.ModuleDict) -> Sampler:
        known = paired_groups(table)
        rows = {m: _Rows.of(table.vectors[m], table.groups[m], known) for m in sorted(table.vectors)}
        return cls(mix, rows, known, heads, tuple(pairs_of(table)))

    @property
    def batches(self) -> int:
        return max(1, len(self.known) // self.mix.batch)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every group once, but for those that do not fill a batch."""
        rng = np.random.default_rng([self.mix.seed, number])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        order = self._hard_order(generator) if self.mix.hard_negatives and number else rng.permutation(len(self.known))
        for start in range(0, self.batches * self.mix.batch, self.mix.batch):
            yield self._batch(np.sort(order[start : start + self.mix.batch]), rng, generator)

    def _batch(self, places: Ids, rng: np.random.Generator, generator: torch.Generator) -> Batch:
        inputs, groups, same = {}, {}, {}
        for modality, rows in self.rows.items():
            chosen, of = rows.chosen(places, self.mix.positives, rng)
            if len(chosen):
                inputs[modality], groups[modality] = rows.vectors[torch.from_numpy(chosen)], of
                same[modality] = None if rows.same is None else rows.same[chosen]
        labels = {modality: torch.from_numpy(of) for modality, of in _alike(groups, same).items()}
        return self._harder(Batch(inputs, groups=labels), generator)

    def _harder(self, batch: Batch, generator: torch.Generator) -> Batch:
        mix, inputs, groups = self.mix, dict(batch.inputs), dict(batch.groups)
        if mix.modality_dropout:
            keep = kept(groups, mix.modality_dropout, generator)
            inputs = {modality: rows[keep[modality]] for modality, rows in inputs.items()}
            groups = {modality: numbers[keep[modality]] for modality, numbers in groups.items()}
        if mix.fuse_mix or mix.noise:
            inputs = {modality: functional.normalize(rows.float(), dim=1) for modality, rows in inputs.items()}
        if mix.fuse_mix:
            inputs = fuse_mix(inputs, groups, mix.fuse_mix, generator)
        if mix.noise:
            inputs = noised(inputs, mix.noise, generator)
        return Batch(inputs, groups=groups)

    def _hard_order(self, generator: torch.Generator) -> Ids:
        """Groups that the heads take for each other beside each other, looked for in one pair of modalities."""
        one, other = self.pairs[int(torch.randint(len(self.pairs), (), generator=generator))]
        known = torch.arange(len(self.known))
        rows, groups = {}, {}
        for modality in (one, other):
            mine = self.rows[modality]
            there = np.flatnonzero(mine.counts)
            groups[modality] = torch.from_numpy(there)
            head = self.heads[modality]
            device = next(head.parameters()).device
            with torch.no_grad():
                first = mine.vectors[torch.from_numpy(mine.starts[there])].to(device)
                rows[modality] = head.eval()(first).cpu()
            head.train()
        wrong = wrong_groups(rows[one], groups[one], rows[other], groups[other], known, self.mix.hard_negatives)
        order = torch.cat(list(hard_batches(wrong, self.mix.batch, generator)))
        return np.asarray(of_the_first(order, str(device)).numpy(), np.int64)  # several processes deal out one order


def _alike(groups: Mapping[str, Ids], same: Mapping[str, Ids | None]) -> Mapping[str, Ids]:
    """The groups' labels: two of which rows in the batch are equal get one, for they cannot be told apart."""
    leader: dict[int, int] = {}

    def lead(at: int) -> int:
        while (above := leader.get(at, at)) != at:
            at = above
        return at

    for modality, numbers in same.items():
        if numbers is None:
            continue
        order = np.argsort(numbers, kind="stable")
        twins = np.flatnonzero(numbers[order][1:] == numbers[order][:-1])
        ordered = groups[modality][order]
        for one, other in zip(ordered[twins].tolist(), ordered[twins + 1].tolist(), strict=True):
            low, high = sorted((lead(one), lead(other)))
            if low != high:
                leader[high] = low
    if not leader:
        return groups
    return {modality: np.array([lead(at) for at in of.tolist()], np.int64) for modality, of in groups.items()}
