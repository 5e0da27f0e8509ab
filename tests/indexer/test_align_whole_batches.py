"""A batch in chunks, or spread over processes, learns what the whole batch would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hearsee.indexer.align.cached_gradients import cached_backward
from hearsee.indexer.align.losses import Temperature, info_nce

ALIKE = torch.eye(32, dtype=torch.bool)


def towers(dtype: torch.dtype, dropout: float = 0.0) -> nn.ModuleDict:
    torch.manual_seed(3)
    return nn.ModuleDict(
        {
            "image": nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Dropout(dropout), nn.Linear(24, 8)),
            "text": nn.Sequential(nn.Embedding(50, 16), nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, 8)),
        }
    ).to(dtype)


def batch(dtype: torch.dtype) -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(5)
    return {
        "image": torch.randn(32, 12, generator=drawn, dtype=dtype),
        "text": torch.randint(50, (32, 4), generator=drawn),
    }


def gradients(model: nn.Module, temperature: nn.Module) -> list[Tensor]:
    found = [weight.grad for weight in (*model.parameters(), *temperature.parameters())]
    assert all(one is not None and bool(one.any()) for one in found)
    return [one.clone() for one in found if one is not None]


@pytest.mark.parametrize(("dtype", "chunk"), [(torch.float64, 5), (torch.float32, 8), (torch.float32, 100)])
def test_cached_gradients_are_those_of_the_whole_batch(dtype: torch.dtype, chunk: int) -> None:
    model, temperature, inputs = towers(dtype), Temperature().to(dtype), batch(dtype)

    def loss(rows: Mapping[str, Tensor]) -> Tensor:
        return info_nce(rows["image"], rows["text"], temperature(), ALIKE)

    whole = loss({name: model[name](table) for name, table in inputs.items()})
    whole.backward()  # type: ignore[no-untyped-call]
    wanted = gradients(model, temperature)
    model.zero_grad()
    temperature.zero_grad()
    said = cached_backward(dict(model.items()), inputs, loss, chunk)
    assert said.item() == pytest.approx(whole.item(), abs=1e-5)
    for found, should in zip(gradients(model, temperature), wanted, strict=True):
        torch.testing.assert_close(found, should, rtol=1e-5, atol=1e-5)


def test_dropout_draws_the_same_the_second_time() -> None:
    """The gradient is that of the very rows that the loss saw: a small step along it lowers this loss as foretold."""
    model, temperature, inputs = towers(torch.float64, 0.5), Temperature().double(), batch(torch.float64)

    def loss(rows: Mapping[str, Tensor]) -> Tensor:
        return info_nce(rows["image"], rows["text"], temperature(), ALIKE)

    def chunked() -> Tensor:
        torch.manual_seed(11)
        return loss(
            {name: torch.cat([model[name](part) for part in torch.split(table, 8)]) for name, table in inputs.items()}
        )

    whole = chunked()
    whole.backward()  # type: ignore[no-untyped-call]
    wanted, after = gradients(model, temperature), torch.rand(3)
    model.zero_grad()
    temperature.zero_grad()
    torch.manual_seed(11)
    assert cached_backward(dict(model.items()), inputs, loss, 8).item() == pytest.approx(whole.item(), abs=1e-9)
    torch.testing.assert_close(torch.rand(3), after)  # the draws that follow are those of one pass
    for found, should in zip(gradients(model, temperature), wanted, strict=True):
        torch.testing.assert_close(found, should, rtol=1e-9, atol=1e-9)


def test_a_frozen_tower_and_a_lonely_one_are_left_alone() -> None:
    model, inputs = towers(torch.float32), batch(torch.float32)
    model["text"].requires_grad_(False)
    read = {"image": model["image"], "text": model["text"], "audio": nn.Linear(3, 8)}
    found = cached_backward(
        read, {**inputs, "audio": torch.randn(4, 3)},
        lambda rows: info_nce(rows["image"], rows["text"], torch.tensor(9.0), ALIKE), 8,
    )  # fmt: skip
    assert found.item() > 0
    assert read["audio"].weight.grad is None
    assert all(weight.grad is not None for weight in model["image"].parameters())


PART = """
import os, sys, torch
from torch import distributed
from safetensors.torch import save_file
from hearsee.indexer.align.gathered import (
    add_up, begin_alike, everyones, gathered, gathered_numbers, of_the_first, same_everywhere
)
from hearsee.indexer.align.losses import Temperature, info_nce
from hearsee.indexer.align.cached_gradients import cached_backward
from tests.indexer.test_align_whole_batches import batch, towers

number, place = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
distributed.init_process_group("gloo", init_method=f"file://{place}/meeting", rank=number, world_size=2)
assert everyones(torch.tensor([number, 7])).tolist() == [[0, 7], [1, 7]]
assert of_the_first(torch.tensor(float(number))).item() == 0.0
assert same_everywhere("one recipe") and not same_everywhere(f"recipe {number}")
model, temperature = towers(torch.float64), Temperature().double()
if number:
    torch.nn.init.zeros_(model["image"][0].weight)
begin_alike(model)
cut = slice(0, 20) if number == 0 else slice(20, 32)  # shares of different sizes
mine = {name: table[cut] for name, table in batch(torch.float64).items()}
groups = gathered_numbers({"rows": torch.arange(32)[cut]})["rows"]

def loss(rows):
    rows = gathered(rows)
    return info_nce(rows["image"], rows["text"], temperature(), groups[:, None] == groups[None])

kept = {}
for way in ("whole", "chunks"):
    weights = (*model.parameters(), *temperature.parameters())
    for weight in weights:
        weight.grad = None
    if way == "whole":
        found = loss({name: model[name](table) for name, table in mine.items()})
        found.backward()
    else:
        found = cached_backward(dict(model.items()), mine, loss, 5)
    add_up(model.parameters(), temperature.parameters())
    kept |= {f"{way} loss": found.detach()} | {f"{way} {at}": weight.grad for at, weight in enumerate(weights)}
save_file(kept, f"{place}/part{number}.safetensors")
distributed.destroy_process_group()
"""


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    parts = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PART, str(number), str(tmp_path)],
            env=environ, stderr=subprocess.PIPE, text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    for part in parts:
        _, said = part.communicate(timeout=120)
        assert part.returncode == 0, said
    model, temperature, inputs = towers(torch.float64), Temperature().double(), batch(torch.float64)
    rows = {name: model[name](table) for name, table in inputs.items()}
    whole = info_nce(rows["image"], rows["text"], temperature(), ALIKE)
    whole.backward()  # type: ignore[no-untyped-call]
    wanted = gradients(model, temperature)
    for number in range(2):
        held = load_file(tmp_path / f"part{number}.safetensors")
        for way in ("whole", "chunks"):
            assert held[f"{way} loss"].item() == pytest.approx(whole.item(), abs=1e-10)
            for place, should in enumerate(wanted):
                torch.testing.assert_close(held[f"{way} {place}"], should, rtol=1e-9, atol=1e-9)
