"""The loop in chunks, and the loop in two processes, learn what the loop learns in one go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from hearsee.indexer.align.gathered import together
from hearsee.indexer.align.loop import Batch, Plan, fit
from hearsee.indexer.align.objective import INFO_NCE, SIGMOID, GroupLoss

ROOT = Path(__file__).parents[2]


def batches(epoch: int) -> Iterator[Batch]:
    """Pictures of every thing, sounds of some, and two captions of each."""
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(4):
        things = torch.randn(30, 6, generator=generator)
        numbers = torch.arange(30)
        of = {"image": numbers, "audio": numbers[:11], "text": torch.cat([numbers, numbers])}
        yield Batch({name: things[mine].tanh() for name, mine in of.items()}, groups=of)


def learned(plan: Plan, kind: str) -> tuple[list[float], list[float]]:
    """The losses of its epochs and the weights that it ends with."""
    torch.manual_seed(0)
    towers = nn.ModuleDict({name: nn.Linear(6, 4) for name in ("image", "audio", "text")})
    losses: list[float] = []
    loss = GroupLoss(kind, 0.1)
    best = fit(towers, batches, plan, lambda _: -len(losses), lambda epoch: losses.append(epoch.loss), loss)
    weights = [*towers.parameters(), *best.parameters(), *loss.parameters()]
    return losses, torch.cat([weight.detach().flatten() for weight in weights]).tolist()


KINDS = (INFO_NCE, SIGMOID)
PLAN = Plan(3, 4, rate=1e-2, side_by_side=False)
CHUNKED = Plan(3, 4, rate=1e-2, side_by_side=False, chunk=7)


def main() -> None:
    with together() as number:
        told = {kind: [learned(plan, kind) for plan in (PLAN, CHUNKED)] for kind in KINDS}
        if number == 0:
            print(json.dumps(told))  # noqa: T201


def alike(one: tuple[list[float], list[float]], other: tuple[list[float], list[float]]) -> None:
    assert one[0] == pytest.approx(other[0], abs=1e-5)
    assert one[1] == pytest.approx(other[1], abs=1e-5)
    assert one[0][-1] < one[0][0]


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_learn_what_the_whole_batch_learns(kind: str) -> None:
    alike(learned(CHUNKED, kind), learned(PLAN, kind))


def test_two_processes_learn_what_one_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    about = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.indexer.test_align_loop"]
    both = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **about, "RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    for kind, found in json.loads(said[0].splitlines()[-1]).items():
        for one in found:
            alike(tuple(one), learned(PLAN, kind))


if __name__ == "__main__":
    main()
