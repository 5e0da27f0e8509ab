"""Hard negatives: the nearest wrong rows of each row, and batches in which they meet."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 4096  # rows scored at once


def nearest_wrong(rows: Tensor, groups: Tensor, others: Tensor, other_groups: Tensor, k: int) -> Tensor:
    """For each row the places of the k nearest others of another group, best first, (rows, k).

    The others are scored block by block, so that memory stays at BLOCK x BLOCK. A row with fewer than k wrong ones
    has -1 in place of what is missing.
    """
    rows, others = functional.normalize(rows, dim=1), functional.normalize(others, dim=1)
    found = []
    for start in range(0, len(rows), BLOCK):
        mine, own = rows[start : start + BLOCK], groups[start : start + BLOCK]
        scores = mine.new_full((len(mine), k), -torch.inf)
        places = torch.full((len(mine), k), -1)
        for at in range(0, len(others), BLOCK):
            block = mine @ others[at : at + BLOCK].T  # (mine, block)
            block.masked_fill_(own[:, None] == other_groups[None, at : at + BLOCK], -torch.inf)
            best, where = block.topk(min(k, block.shape[1]), dim=1)
            scores, order = torch.cat([scores, best], dim=1).topk(k, dim=1)
            places = torch.cat([places, where + at], dim=1).gather(1, order)
        found.append(places.masked_fill(scores == -torch.inf, -1))
    return torch.cat(found) if found else torch.empty((0, k), dtype=torch.int64)


def wrong_groups(rows: Tensor, groups: Tensor, others: Tensor, other_groups: Tensor, known: Tensor, k: int) -> Tensor:
    """For each group in `known` (sorted) the places in it of the k groups nearest to its rows, (groups, k), -1: none.

    Of a group with several rows the first speaks.
    """
    order = torch.argsort(groups, stable=True)
    first = order[torch.searchsorted(groups[order], known).clamp(max=len(groups) - 1)]
    there = groups[first] == known
    nearest = nearest_wrong(rows[first[there]], known[there], others, other_groups, k)
    numbers = torch.searchsorted(known, other_groups[nearest.clamp(min=0)].contiguous())
    found = torch.full((len(known), k), -1)
    found[there] = numbers.masked_fill(nearest < 0, -1)
    return found


def hard_batches(wrong: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Every group once, in batches of `size`: a group drawn by chance brings its nearest wrong ones, if still free.

    `wrong` (groups, k) holds the places of each group's nearest wrong groups, -1 where there are none.
    """
    free = [True] * len(wrong)
    batch: list[int] = []
    near = wrong.tolist()
    for seed in torch.randperm(len(wrong), generator=generator).tolist():
        for group in (seed, *near[seed]) if free[seed] else ():
            if group < 0 or not free[group]:
                continue
            free[group] = False
            batch.append(group)
            if len(batch) == size:
                yield torch.tensor(batch)
                batch = []
    if batch:
        yield torch.tensor(batch)
