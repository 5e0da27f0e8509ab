"""What does training heads cost beyond the products of matrices that it cannot avoid?

    python benchmarks/align_speed.py [--json] [--pairs 1000000] [--batch 8192] [--timed 40] [--float32] [--device cuda]

One epoch of two linear heads over cached pairs of 512 float16 numbers, as `hearsee align heads` trains them: batches
drawn by its sampler, the symmetric loss, weight decay, the running mean of the weights. The products: rows through
either head, the scores of the batch, their slopes back to both sides, and back to either head's weights. Both use the
same numbers (bfloat16 unless told otherwise) and take turns in one process, two batches learned from and the products
of one (counted twice), so that what else runs on the machine slows both. All 122 batches of the
epoch are learned from, unless --timed says fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from hearsee.core.head import LINEAR
from hearsee.indexer.align.data import Table
from hearsee.indexer.align.heads import new_heads
from hearsee.indexer.align.large import BLOCK
from hearsee.indexer.align.loop import Batch, Plan, fit
from hearsee.indexer.align.objective import GroupLoss
from hearsee.indexer.align.sampling import Sampler
from hearsee.indexer.align.training import HeadRecipe

DIM = 512
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # dense bfloat16 operations a second, as their makers state


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=8192)
    parser.add_argument("--timed", type=int, help="batches to time, the epoch's first; else all of it")
    parser.add_argument("--turn", type=int, default=2, help="batches of a turn")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    answer = measured(given.pairs, given.batch, given.turn, given.timed, not given.float32, given.device)
    if given.json:
        print(json.dumps(answer, indent=2))
        return
    for name, value in answer.items():
        Console(width=120).print(f"{name}: {value:,.3f}" if isinstance(value, float) else f"{name}: {value}")


def measured(
    pairs: int, batch: int, turn: int, timed_batches: int | None, bfloat16: bool, device: str
) -> dict[str, Any]:
    torch.manual_seed(0)
    started = time.perf_counter()
    table = cached(pairs)
    heads = new_heads(table, None, LINEAR, DIM, 0, 0.0)
    recipe = HeadRecipe(kind=LINEAR, dim=DIM, batch=batch, bfloat16=bfloat16, device=device)
    sampler = Sampler.of(table, recipe, heads)
    del table
    made = time.perf_counter() - started
    epoch, turns = sampler.epoch(0), min(timed_batches or sampler.batches, sampler.batches) // turn
    products = Products(batch, torch.bfloat16 if bfloat16 else torch.float32, device)
    learning: list[float] = []
    bare: list[float] = []
    begun = 0.0

    def some(_: int) -> Iterator[Batch]:
        """The next batches of the one epoch."""
        nonlocal begun
        wait(device)
        begun = time.perf_counter()
        for _number in range(turn):
            yield next(epoch)

    def alternate(_: nn.ModuleDict) -> float:
        wait(device)
        learning.append(time.perf_counter() - begun)
        bare.append(timed(lambda: products.run(turn // 2 or 1), device) * (turn / (turn // 2 or 1)))
        tell(learning, bare, turn, turns, time.perf_counter() - started)
        return 0.0

    plan = Plan(turns, turn, bfloat16=bfloat16, side_by_side=False, device=device)
    fit(heads, some, plan, alternate, lambda _: None, GroupLoss(bfloat16=bfloat16))
    return figures(learning, bare, turn, sampler.batches, batch, device) | {
        "numbers": "bfloat16" if bfloat16 else "float32",
        "seconds to lay out the table, once": made,
        "wall time of all of it, seconds": time.perf_counter() - started,
    }


def tell(learning: list[float], bare: list[float], turn: int, turns: int, spent: float) -> None:
    """Progress, ten times in all."""
    done = len(learning)
    if done == turns or done % max(1, turns // 10) == 0:
        ratio = sum(learning) / sum(bare)
        left = spent / done * (turns - done)
        print(f"{done * turn} of {turns * turn} batches, ratio {ratio:.3f}, {left:.0f} s left", file=sys.stderr)


def figures(
    learning: list[float], bare: list[float], turn: int, batches: int, batch: int, device: str
) -> dict[str, Any]:
    """The epoch as it was where all of its batches were timed, else as long as these say; the first turn warms up."""
    whole = len(learning) * turn >= batches
    epochs = [
        float(np.sum(times)) if whole else float(np.mean(times[1:])) / turn * batches for times in (learning, bare)
    ]
    learning, bare = learning[1:], bare[1:]
    ratios = np.array(learning) / np.array(bare)
    step = float(np.mean(learning)) / turn
    work = 2 * (4 * batch * DIM * DIM + 3 * batch * batch * DIM)  # a multiplication and an addition each
    found = {
        "pairs": batches * batch,
        "batch": batch,
        "batches timed": (len(learning) + 1) * turn,
        "epoch, seconds": epochs[0],
        "its bare products, seconds": epochs[1],
        "ratio, epoch": epochs[0] / epochs[1],
        "ratio, without the first turn": float(np.sum(learning) / np.sum(bare)),
        "ratio, median of turns": float(np.median(ratios)),
        "ratio, quarter and three quarters": [round(float(one), 3) for one in np.percentile(ratios, [25, 75])],
        "pairs a second": batch / step,
        "billion operations a second": work / step / 1e9,
        "machine": machine(device),
    }
    if device != "cpu":
        peak = next((peak for name, peak in PEAKS.items() if name in torch.cuda.get_device_name()), None)
        found |= {"share of peak": work / step / peak} if peak else {}
    return found


def cached(pairs: int) -> Table:
    """Pictures and texts that say half the same, in float16, as a library keeps them."""
    rng = np.random.default_rng(0)
    vectors = {name: np.empty((pairs, DIM), np.float16) for name in ("image", "text")}
    for start in range(0, pairs, 50_000):
        count = min(50_000, pairs - start)
        shared = rng.random((count, DIM), np.float32) - 0.5
        for rows in vectors.values():
            mixed = shared + rng.random((count, DIM), np.float32) - 0.5
            rows[start : start + count] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    numbers = np.arange(pairs)
    return Table(vectors, dict.fromkeys(vectors, numbers), dict.fromkeys(vectors, numbers))


class Products:
    """The products of one batch and nothing else, into memory that is there already."""

    def __init__(self, batch: int, dtype: torch.dtype, device: str) -> None:
        def made(*shape: int) -> Tensor:
            drawn: Tensor = torch.randn(shape) / DIM**0.5
            return drawn.to(device, dtype)

        self.rows, self.others = made(batch, DIM), made(batch, DIM)
        self.head, self.other_head = made(DIM, DIM), made(DIM, DIM)
        self.mapped, self.other_mapped = made(batch, DIM), made(batch, DIM)
        self.slope, self.other_slope = made(batch, DIM), made(batch, DIM)
        self.weights = made(DIM, DIM)
        self.scores = torch.empty(batch, batch, dtype=dtype, device=device)
        whole, blocks = (min(timed(way, device) for _ in range(2)) for way in (self._whole, self._blocks))
        self._scored = self._whole if whole < blocks else self._blocks  # what is quicker on this machine

    def run(self, batches: int) -> None:
        for _ in range(batches):
            self._once()

    def _once(self) -> None:
        torch.mm(self.rows, self.head, out=self.mapped)
        torch.mm(self.others, self.other_head, out=self.other_mapped)
        self._scored()
        torch.mm(self.scores.T, self.mapped, out=self.other_slope)
        torch.mm(self.rows.T, self.slope, out=self.weights)
        torch.mm(self.others.T, self.other_slope, out=self.weights)

    def _whole(self) -> None:
        torch.mm(self.mapped, self.other_mapped.T, out=self.scores)
        torch.mm(self.scores, self.other_mapped, out=self.slope)

    def _blocks(self) -> None:
        for at in range(0, len(self.rows), BLOCK):
            here = slice(at, at + BLOCK)
            torch.mm(self.mapped[here], self.other_mapped.T, out=self.scores[here])
            torch.mm(self.scores[here], self.other_mapped, out=self.slope[here])


def timed(run: Callable[[], object], device: str) -> float:
    wait(device)
    started = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - started


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def machine(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} threads of {os.cpu_count()} x {platform.machine()}"


if __name__ == "__main__":
    main()
