"""Ways to make latents harder to learn by heart: mixing groups (FuseMix), noise, and leaving modalities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Rows: TypeAlias = Mapping[str, Tensor]  # by modality, (rows, width); widths may differ
Groups: TypeAlias = Mapping[str, Tensor]  # by modality, (rows,): whole numbers, equal ones show the same thing


def fuse_mix(rows: Rows, groups: Groups, alpha: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Mixes each group with another one, in every modality by the same share, so that what belongs together still does.

    The partner has the same modalities: else a group would be mixed in one of them and not in the other. Shares are
    drawn from Beta(alpha, alpha), one for each group. A group alone with its modalities stays as it is.
    Groups must be told apart by their numbers alone: two that show the same do not after mixing.
    """
    known = torch.unique(torch.cat([groups[modality] for modality in rows]))  # sorted
    places = {modality: torch.searchsorted(known, groups[modality].contiguous()) for modality in rows}
    partner = _partners(places, len(known), generator)
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    share = torch.from_numpy(rng.beta(alpha, alpha, len(known)))
    mixed = {}
    for modality, table in rows.items():
        mine = places[modality]
        keep = share[mine].to(table)[:, None]
        mixed[modality] = keep * table + (1 - keep) * table[_row_of(partner[mine], mine, generator)]
    return mixed


def noised(rows: Rows, level: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Adds normal noise whose length is `level` times the row's own, on average."""
    return {
        modality: table
        + torch.randn(table.shape, generator=generator, dtype=table.dtype)
        * (level * table.norm(dim=1, keepdim=True) / table.shape[1] ** 0.5)
        for modality, table in rows.items()
    }


def kept(groups: Groups, share: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Modality dropout: which rows to keep, (rows,) of bool; a share of the groups that have three modalities lose one.

    Two are always left, so nothing that could be compared before is left alone.
    """
    known = torch.unique(torch.cat(list(groups.values())))  # sorted
    places = {modality: torch.searchsorted(known, numbers.contiguous()) for modality, numbers in groups.items()}
    present = torch.stack([torch.bincount(at, minlength=len(known)) > 0 for at in places.values()])  # (modalities, n)
    losing = (torch.rand(len(known), generator=generator) < share) & (present.sum(dim=0) > 2)
    chance = torch.rand(present.shape, generator=generator).masked_fill(~present, -1)
    lost = chance.argmax(dim=0).masked_fill(~losing, -1)  # the modality that each group loses
    return {modality: lost[at] != number for number, (modality, at) in enumerate(places.items())}


def _partners(places: Mapping[str, Tensor], count: int, generator: torch.Generator) -> Tensor:
    """For each group another one with the same modalities: each is the partner of one."""
    marks = torch.zeros(count, dtype=torch.int64)
    for number, at in enumerate(places.values()):
        marks |= (torch.bincount(at, minlength=count) > 0).long() << number
    partner = torch.arange(count)
    for mark in set(marks.tolist()):
        same = torch.nonzero(marks == mark)[:, 0]
        order = same[torch.randperm(len(same), generator=generator)]
        partner[order] = order.roll(1)  # a ring: nobody is its own partner where there are two
    return partner


def _row_of(wanted: Tensor, groups: Tensor, generator: torch.Generator) -> Tensor:
    """For each wanted group one of its rows, by chance where it has several."""
    order = torch.argsort(groups, stable=True)
    ordered = groups[order]
    first, last = torch.searchsorted(ordered, wanted), torch.searchsorted(ordered, wanted, right=True)
    draw = torch.rand(len(wanted), generator=generator, dtype=torch.float64)
    return order[first + (draw * (last - first)).long().clamp(max=len(groups))]
