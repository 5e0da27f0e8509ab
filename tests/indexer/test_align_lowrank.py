"""Low-rank updates start as nothing, change only what they may, learn, and merge into the tower they came from."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from hearsee.core.errors import BadInput
from hearsee.indexer.align.loop import Batch, Plan, fit
from hearsee.indexer.align.lowrank import LowRank, low_rank, merge
from hearsee.indexer.align.objective import GroupLoss


class Tiny(nn.Module):
    """A tower in small: two layers, a norm, and an attention that reads its layers' weights itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(12, 24), nn.LayerNorm(24), nn.Linear(24, 8)
        self.attention = nn.MultiheadAttention(24, 2, batch_first=True)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(rows))[:, None]
        rows_: Tensor = self.last(self.norm(hidden + self.attention(hidden, hidden, hidden)[0])[:, 0])
        return rows_


def tower() -> Tiny:
    torch.manual_seed(0)
    return Tiny()


def test_an_update_starts_as_nothing_and_only_it_can_learn() -> None:
    plain, rows = tower(), torch.randn(5, 12)
    updated = low_rank(copy.deepcopy(plain), rank=2)
    torch.testing.assert_close(updated(rows), plain(rows), rtol=0, atol=0)
    learning = {name for name, weight in updated.named_parameters() if weight.requires_grad}
    assert learning == {f"{layer}.{part}" for layer in ("first", "last") for part in ("down", "up")}
    assert sum(weight.numel() for weight in updated.parameters() if weight.requires_grad) == 2 * (12 + 24 + 24 + 8)


def test_a_tower_learns_by_its_update_and_keeps_its_own_weights() -> None:
    plain = tower()
    towers = nn.ModuleDict({"image": low_rank(copy.deepcopy(plain), rank=4), "text": nn.Linear(6, 8)})
    turn = torch.randn(6, 12)
    groups = torch.arange(64)

    def batches(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(20):
            things = torch.randn(64, 6, generator=generator)
            yield Batch({"image": things @ turn, "text": things}, groups={"image": groups, "text": groups})

    fresh = torch.randn(64, 6)

    def recall(now: nn.ModuleDict) -> float:
        rows, others = now["image"](fresh @ turn), nn.functional.normalize(now["text"](fresh), dim=1)
        return float((rows @ others.T).argmax(dim=1).eq(groups).float().mean())

    losses: list[float] = []
    with torch.no_grad():
        before = recall(towers)
    best = fit(towers, batches, Plan(5, 20, rate=1e-2), recall, lambda epoch: losses.append(epoch.loss), GroupLoss())
    assert losses[-1] < losses[0] / 2
    with torch.no_grad():
        assert recall(best) > 0.6 > 0.2 > before
    learned = best["image"]
    assert isinstance(learned.first, LowRank)
    torch.testing.assert_close(learned.first.frozen.weight, plain.first.weight, rtol=0, atol=0)
    assert isinstance(learned.norm, nn.LayerNorm)
    torch.testing.assert_close(learned.norm.weight, plain.norm.weight, rtol=0, atol=0)
    rows = torch.randn(5, 12)
    with torch.no_grad():
        expected = learned(rows)
        merged = merge(learned)
        torch.testing.assert_close(merged(rows), expected, rtol=1e-5, atol=1e-5)
    assert merged.state_dict().keys() == plain.state_dict().keys()  # it is saved and loaded as it always was
    tower().load_state_dict(merged.state_dict())


def test_layers_can_be_chosen_and_must_be_there() -> None:
    chosen = low_rank(tower(), chosen=lambda name: name.startswith("la"))
    assert [name for name, layer in chosen.named_modules() if isinstance(layer, LowRank)] == ["last"]
    with pytest.raises(BadInput, match="no linear layer of the chosen names"):
        low_rank(tower(), chosen=lambda name: name == "attention.out_proj")
    with pytest.raises(BadInput, match="the rank is 0"):
        low_rank(tower(), rank=0)
