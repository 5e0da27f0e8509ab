"""The contrastive loss worked by hand, and a loop that learns a map that can be learned."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.indexer.align.losses import Match, Temperature, contrastive, info_nce

SCALE = torch.tensor(2.0)
EYE = torch.eye(2)


def test_info_nce_of_two_pairs_by_hand() -> None:
    # Cosines are the identity; each row's chance of its own is e^2 / (e^2 + 1).
    right = math.exp(2) / (math.exp(2) + 1)
    assert info_nce(EYE * 5, EYE * 3, SCALE, EYE.bool()).item() == pytest.approx(-math.log(right), abs=1e-6)


def test_groups_that_are_alike_are_not_pushed_apart() -> None:
    same = torch.ones(2, 2)
    apart = info_nce(same, same, SCALE, EYE.bool()).item()
    together = info_nce(same, same, SCALE, torch.ones(2, 2, dtype=torch.bool)).item()
    assert apart == pytest.approx(math.log(2), abs=1e-6)
    assert together == pytest.approx(0.0, abs=1e-6)


def test_rows_without_a_partner_are_left_out() -> None:
    lonely = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    alike = torch.tensor([[True, False], [False, True], [False, False]])
    loss = info_nce(lonely, EYE, SCALE, alike)
    rows = math.log(1 + math.exp(-2))  # two rows ask among two
    columns = (math.log(1 + math.exp(-2) + math.exp(-4)) + math.log(2 + math.exp(2)) - 2) / 2  # two ask among three
    assert loss.item() == pytest.approx((rows + columns) / 2, abs=1e-6)
    nobody = info_nce(lonely.requires_grad_(), EYE, SCALE, torch.zeros(3, 2, dtype=torch.bool))
    nobody.backward()  # type: ignore[no-untyped-call]
    assert nobody.item() == 0.0


def test_several_right_answers_do_not_compete_with_each_other() -> None:
    asked, answers = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    alike = torch.tensor([[True, True, False]])
    loss = info_nce(asked, answers, SCALE, alike, both_ways=False)
    each = (math.log(1 + math.exp(0 - 2)) + math.log(1 + math.exp(0 - 1.2))) / 2  # each against the wrong one alone
    assert loss.item() == pytest.approx(each, abs=1e-6)


def test_pairs_of_absent_modalities_are_skipped() -> None:
    same = EYE.bool()
    matches = [Match("image", "text", same), Match("image", "audio", same)]
    some = contrastive({"image": EYE, "text": EYE}, matches, SCALE)
    assert some.item() == pytest.approx(info_nce(EYE, EYE, SCALE, same).item())
    with pytest.raises(ValueError, match="no pair"):
        contrastive({"image": EYE}, matches, SCALE)


def test_a_match_may_be_of_some_rows_one_way_and_weighted() -> None:
    texts, same = torch.cat([EYE, EYE.flip(0)]), EYE.bool()
    first = Match("text", "image", same, slice(0, 2), weight=3.0)
    behind = Match("text", "image", same, slice(2, 4), both_ways=False)
    right, wrong = info_nce(EYE, EYE, SCALE, same), info_nce(EYE.flip(0), EYE, SCALE, same, both_ways=False)
    loss = contrastive({"text": texts, "image": EYE}, [first, behind], SCALE)
    assert loss.item() == pytest.approx((3 * right.item() + wrong.item()) / 4, abs=1e-6)


def test_temperature_is_positive_and_bounded() -> None:
    temperature = Temperature(10.0)
    assert temperature().item() == pytest.approx(10.0, rel=1e-5)
    with torch.no_grad():
        temperature.log_scale.fill_(50.0)
    assert temperature().item() == 100.0


def test_the_loop_learns_a_rotation_and_returns_the_best() -> None:
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(8, 8)).Q
    towers = nn.ModuleDict({"image": nn.Linear(8, 8), "text": nn.Linear(8, 8)})
    fresh, seen = torch.randn(64, 8), list[Epoch]()

    def batches(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(20):
            rows = torch.randn(32, 8, generator=generator)
            yield Batch({"image": rows, "text": rows @ turn}, [Match("image", "text", torch.eye(32).bool())])

    def recall(average: nn.ModuleDict) -> float:
        return _recall(average["image"](fresh), average["text"](fresh @ turn))

    before = recall(towers)
    best = fit(towers, batches, Plan(epochs=6, batches=20, rate=1e-2), recall, seen.append)
    assert before < 0.2
    assert recall(best) > 0.9
    assert recall(best) == max(epoch.score for epoch in seen)
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1].loss < seen[0].loss
    assert seen[-1].seconds_left == 0.0


def _recall(rows: Tensor, others: Tensor) -> float:
    scores = nn.functional.normalize(rows, dim=1) @ nn.functional.normalize(others, dim=1).T
    return (scores.argmax(dim=1) == torch.arange(len(rows))).float().mean().item()
