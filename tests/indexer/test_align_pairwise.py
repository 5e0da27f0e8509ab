"""The sigmoid loss and the consistency term, worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from hearsee.indexer.align.pairwise import SigmoidScale, consistency, sigmoid_pairs

EYE = torch.eye(2)
SCALE, BIAS = torch.tensor(3.0), torch.tensor(-1.0)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_sigmoid_of_two_pairs_by_hand() -> None:
    # Right pairs have cosine 1 (logit 2), wrong ones cosine 0 (logit -1); two of each over two rows.
    found = sigmoid_pairs(EYE * 4, EYE * 2, SCALE, BIAS, EYE.bool())
    assert found.item() == pytest.approx(softplus(-2) + softplus(-1), abs=1e-6)


def test_several_right_ones_are_right_each() -> None:
    captions = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # two of the first photo, one of the second
    alike = torch.tensor([[True, True, False], [False, False, True]])
    found = sigmoid_pairs(EYE, captions, SCALE, BIAS, alike)
    assert found.item() == pytest.approx((3 * softplus(-2) + 3 * softplus(-1)) / 2, abs=1e-6)
    rows = EYE.clone().requires_grad_()
    sigmoid_pairs(rows, captions, SCALE, BIAS, alike).backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None


def test_scale_and_bias_are_learned() -> None:
    learned = SigmoidScale()
    scale, bias = learned()
    sigmoid_pairs(EYE, EYE, scale, bias, EYE.bool()).backward()  # type: ignore[no-untyped-call]
    assert (scale.item(), bias.item()) == pytest.approx((10.0, -10.0), rel=1e-5)
    assert all(weight.grad is not None and weight.grad != 0 for weight in learned.parameters())


def test_consistency_by_hand() -> None:
    # Group 7: a picture and a sound at a right angle, each 45 degrees from their middle; group 9: a picture alone.
    rows = {"image": torch.tensor([[2.0, 0.0], [5.0, 5.0]]), "audio": torch.tensor([[0.0, 3.0]])}
    groups = {"image": torch.tensor([7, 9]), "audio": torch.tensor([7])}
    assert consistency(rows, groups).item() == pytest.approx(1 - math.sqrt(0.5), abs=1e-6)


def test_five_captions_weigh_as_much_as_one_photo() -> None:
    rows = {"image": torch.tensor([[1.0, 0.0]]), "text": torch.tensor([[0.0, 1.0]] * 5)}
    groups = {"image": torch.tensor([3]), "text": torch.tensor([3] * 5)}
    assert consistency(rows, groups).item() == pytest.approx(1 - math.sqrt(0.5), abs=1e-6)
    alone = consistency({"text": rows["text"]}, {"text": groups["text"]})
    assert alone.item() == 0.0
