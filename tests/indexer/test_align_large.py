"""The loss over large batches is the loss: value and gradients, however rows belong together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hearsee.indexer.align.large import BLOCK, large_info_nce, pairs_of_groups
from hearsee.indexer.align.losses import info_nce


def both(
    rows: Tensor,
    others: Tensor,
    sharp: float,
    groups: Tensor,
    theirs: Tensor,
    *,
    both_ways: bool = True,
    half: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Loss and gradients by rows, others and scale: of the large one, and of the plain one."""
    found = []
    for large in (True, False):
        one, other = rows.clone().requires_grad_(), others.clone().requires_grad_()
        scale = torch.tensor(sharp, dtype=rows.dtype, requires_grad=True)
        if large:
            loss = large_info_nce(one, other, scale, groups, theirs, both_ways=both_ways, bfloat16=half)
        else:
            loss = info_nce(one, other, scale, groups[:, None] == theirs[None, :], both_ways=both_ways)
        (3 * loss).backward()  # type: ignore[no-untyped-call]
        found.append([loss.detach(), *(each.grad for each in (one, other, scale) if each.grad is not None)])
    return found[0], found[1]


ROWS = 2 * BLOCK + 90  # two blocks, and one that is not full


@pytest.mark.parametrize("both_ways", [True, False])
@pytest.mark.parametrize("kind", ["pairs", "five captions", "some alone"])
@pytest.mark.parametrize("sharp", [5.0, 100.0])
def test_value_and_gradients_are_the_plain_ones(kind: str, sharp: float, both_ways: bool) -> None:
    drawn = torch.Generator().manual_seed(1)
    groups = {
        "pairs": (torch.arange(ROWS), torch.randperm(ROWS, generator=drawn)),
        "five captions": (torch.arange(ROWS), torch.arange(ROWS).repeat(5)),
        "some alone": (torch.randint(700, (ROWS,), generator=drawn), torch.randint(900, (1500,), generator=drawn)),
    }[kind]
    middle = torch.randn(12, generator=drawn, dtype=torch.float64)  # all in one cone, as real vectors are
    rows = torch.randn(len(groups[0]), 12, generator=drawn, dtype=torch.float64) + middle
    others = torch.randn(len(groups[1]), 12, generator=drawn, dtype=torch.float64) + middle
    large, plain = both(rows, others, sharp, *groups, both_ways=both_ways)
    for found, wanted in zip(large, plain, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_scores_too_far_apart_are_not_lost() -> None:
    """One row is alone on its side of the sphere: beside the others' exponentials its own would vanish."""
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.1]])
    others = torch.tensor([[1.0, 0.05], [1.0, 0.0], [-0.3, 1.0]])
    large, plain = both(rows, others, 100.0, torch.arange(3), torch.arange(3))
    for found, wanted in zip(large, plain, strict=True):
        torch.testing.assert_close(found, wanted)


def test_everything_right_or_nothing_right_teaches_nothing() -> None:
    rows, same = torch.randn(4, 3), torch.zeros(4)
    for theirs in (same, same + 1):
        large, plain = both(rows, rows.flip(0), 10.0, same, theirs)
        assert large[0].item() == plain[0].item() == 0.0
        assert all(not one.any() for one in large[1:])


def test_bfloat16_is_near() -> None:
    drawn = torch.Generator().manual_seed(2)
    rows = torch.randn(600, 64, generator=drawn)
    others = rows + 0.7 * torch.randn(600, 64, generator=drawn)
    large, plain = both(rows, others, 20.0, torch.arange(600), torch.arange(600), half=True)
    assert large[0].item() == pytest.approx(plain[0].item(), rel=0.01)
    for found, wanted in zip(large[1:3], plain[1:3], strict=True):
        assert torch.nn.functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0) > 0.999
    assert large[3].item() == pytest.approx(plain[3].item(), rel=0.05)


def test_pairs_of_groups_by_hand() -> None:
    asking, answering = pairs_of_groups(torch.tensor([7, 3, 7, 1]), torch.tensor([3, 7, 9, 7]))
    assert list(zip(asking.tolist(), answering.tolist(), strict=True)) == [(0, 1), (0, 3), (1, 0), (2, 1), (2, 3)]
