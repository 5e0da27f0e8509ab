"""InfoNCE over large batches: the loss and all its gradients in two sweeps over the scores, block by block.

What this costs beyond the three products of matrices (the scores, and their slopes back to either side) is one
exponential and a few additions a score; the softmax both ways takes its sums from the same exponentials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from hearsee.indexer.align.losses import info_nce

BLOCK = 512  # rows of scores at once: with 8,192 others they stay in a processor's last cache
FEW = 32  # rows that tell how large scores are
FEWEST = 1e-30  # a smaller sum of exponentials has lost digits

Slopes: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]  # the loss, and its gradients by rows, others and scale


def large_info_nce(
    rows: Tensor,
    others: Tensor,
    scale: Tensor,
    groups: Tensor,
    other_groups: Tensor,
    *,
    both_ways: bool = True,
    bfloat16: bool = False,
) -> Tensor:
    """As `losses.info_nce` where rows of equal group numbers belong together; one number is kept for each score.

    With `bfloat16` the products are made of such numbers; losses and the sums of rows stay float32.
    """
    rows, others = functional.normalize(rows, dim=1), functional.normalize(others, dim=1)
    with torch.no_grad():
        right = Right.of(rows, others, scale, groups, other_groups)
        found = _swept(rows, others, scale, right, both_ways, torch.bfloat16 if bfloat16 else rows.dtype)
    if found is None:  # scores so far apart that one shift does not fit them all
        return info_nce(rows, others, scale, groups[:, None] == other_groups[None, :], both_ways=both_ways)
    loss: Tensor = _Told.apply(rows, others, scale, *found)  # type: ignore[no-untyped-call]
    return loss


class _Told(torch.autograd.Function):
    """A loss whose gradients were found along with it."""

    @staticmethod
    def forward(context: Any, *given: Tensor) -> Tensor:
        context.save_for_backward(*given[4:])
        return given[3].clone()

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return (*(slopes[0] * one for one in context.saved_tensors), None, None, None, None)


@dataclass(frozen=True)
class Right:
    """The pairs that belong together, ordered by row, and their scores."""

    asking: Tensor  # (pairs,): places among the rows
    answering: Tensor  # (pairs,): places among the others
    scores: Tensor  # (pairs,)
    ends: list[int]  # of the pairs of each block of rows, the first end is 0

    @classmethod
    def of(cls, rows: Tensor, others: Tensor, scale: Tensor, groups: Tensor, other_groups: Tensor) -> Right:
        asking, answering = pairs_of_groups(groups, other_groups)
        scores = scale * (rows[asking] * others[answering]).sum(dim=1)
        borders = torch.arange(0, len(rows) + BLOCK, BLOCK, device=rows.device)
        return cls(asking, answering, scores, torch.searchsorted(asking, borders).tolist())

    def put(self, block: Tensor, number: int, values: Tensor | float) -> None:
        """Sets the places of the right pairs in a block of rows."""
        here = slice(self.ends[number], self.ends[number + 1])
        value = torch.tensor(values) if isinstance(values, float) else values[here]
        block[self.asking[here] - number * BLOCK, self.answering[here]] = value.to(block)


def pairs_of_groups(groups: Tensor, other_groups: Tensor) -> tuple[Tensor, Tensor]:
    """Every place among the rows and place among the others of one group, ordered by row: (pairs,), (pairs,)."""
    order = torch.argsort(other_groups, stable=True)
    ordered, groups = other_groups[order].contiguous(), groups.contiguous()
    first = torch.searchsorted(ordered, groups)
    counts = torch.searchsorted(ordered, groups, right=True) - first
    asking = torch.repeat_interleave(torch.arange(len(groups), device=groups.device), counts)
    before = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
    within = torch.arange(len(asking), device=groups.device) - before
    return asking, order[first[asking] + within]


def _swept(
    rows: Tensor, others: Tensor, scale: Tensor, right: Right, both_ways: bool, dtype: torch.dtype
) -> Slopes | None:
    near, far = (rows * scale).to(dtype), others.to(dtype)
    spread, shift, along, across = _exponentials(near, far, right)
    one = _Way.of(right.scores, right.asking, along, shift, len(others))
    other = _Way.of(right.scores, right.answering, across, shift, len(rows))
    ways, share = ((one, other), 0.5) if both_ways else ((one,), 1.0)
    if not all(way.sound for way in ways):
        return None
    # The slope of the loss by a wrong score is its exponential times (a + b), by a right one what `due` says.
    a = share * one.slopes / along
    b = share * other.slopes / across if both_ways else torch.zeros_like(across)
    a, b = (side.nan_to_num(0.0, 0.0, 0.0).to(dtype) for side in (a, b))
    due = -share * torch.stack([way.due for way in ways]).sum(dim=0)
    mine, factor = torch.empty_like(near), torch.empty_like(spread[:BLOCK])
    for number, start in enumerate(range(0, len(near), BLOCK)):
        block = spread[start : start + BLOCK]
        block.mul_(torch.add(a[start : start + BLOCK, None], b[None, :], out=factor[: len(block)]))
        right.put(block, number, due)
        torch.mm(block, far, out=mine[start : start + BLOCK])
    slope, theirs = mine.to(rows.dtype), (spread.T @ near).to(rows.dtype)  # `near` holds the scale, `far` does not
    loss = share * torch.stack([way.loss for way in ways]).sum()
    return loss.to(rows.dtype), slope * scale, theirs, (slope * rows).sum().reshape(scale.shape).to(scale.dtype)


def _exponentials(near: Tensor, far: Tensor, right: Right) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """exp(score - shift) of wrong pairs, zero for right ones; the shift; the sums of rows and of columns.

    The shift is the largest wrong score of the first few rows; it goes into the product, so that where scores matter
    most little is rounded away.
    """
    first = near[:FEW] @ far.T
    here = slice(0, int(torch.searchsorted(right.asking, len(first))))
    first[right.asking[here], right.answering[here]] = -torch.inf
    shift = first.max().nan_to_num(0.0, 0.0, 0.0).to(near.dtype)
    ones, minus = near.new_ones(1, min(BLOCK, len(near))), (-shift).expand(len(far))
    spread = near.new_empty(len(near), len(far))
    wide = torch.promote_types(near.dtype, torch.float32)
    along, across = near.new_empty(len(near), dtype=wide), near.new_zeros(len(far), dtype=wide)
    for number, start in enumerate(range(0, len(near), BLOCK)):
        block = spread[start : start + BLOCK]
        torch.addmm(minus, near[start : start + BLOCK], far.T, out=block).exp_()
        right.put(block, number, 0.0)
        torch.sum(block, dim=1, dtype=wide, out=along[start : start + BLOCK])
        across += (ones[:, : len(block)] @ block)[0].to(wide)
    return spread, shift.to(wide), along, across


@dataclass(frozen=True)
class _Way:
    """One direction: rows that ask, or columns."""

    loss: Tensor
    slopes: Tensor  # (asking,): what all wrong ones of each weigh together
    due: Tensor  # (pairs,): what each right one weighs
    sound: bool  # whether the sums kept their digits

    @classmethod
    def of(cls, scores: Tensor, places: Tensor, sums: Tensor, shift: Tensor, answers: int) -> _Way:
        """Each right one against all wrong ones; who has nothing right, or nothing wrong, is not asked."""
        counts = torch.bincount(places, minlength=len(sums))
        asked = (counts > 0) & (counts < answers)
        weights = (asked.to(sums.dtype) / (counts.clamp(min=1) * asked.sum().clamp(min=1)))[places]  # (pairs,)
        ahead = (sums.log() + shift)[places] - scores
        loss = (functional.softplus(ahead) * weights).nan_to_num(0.0).sum()
        due = (torch.sigmoid(ahead) * weights).nan_to_num(0.0)
        slopes = torch.zeros_like(sums).index_add(0, places, due.to(sums.dtype))
        asked_sums = sums[asked]
        sound = bool(torch.isfinite(asked_sums).all()) and bool((asked_sums > FEWEST).all())
        return cls(loss, slopes, due, sound)
