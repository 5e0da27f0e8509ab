"""The training loop: batches in, the towers of the best validation score out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hearsee.indexer.align.losses import Match, Temperature, contrastive


@dataclass(frozen=True)
class Batch:
    """What the towers read, by modality, and which rows of two modalities belong together."""

    inputs: Mapping[str, Tensor]
    matches: Sequence[Match]


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn; learning rises for a twentieth of the steps, then falls as a cosine to zero."""

    epochs: int
    batches: int  # in an epoch
    rate: float = 2e-3
    weight_decay: float = 0.05
    average: float = 0.998  # of the running mean of weights that is validated and returned
    scale: float = 1 / 0.07  # of cosines, to begin with; it is learned, too
    bfloat16: bool = False  # faster where the processor multiplies it


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to."""

    number: int
    epochs: int
    loss: float
    score: float  # validation, higher is better
    seconds: float
    seconds_left: float


def fit(
    towers: nn.ModuleDict,
    batches: Callable[[int], Iterable[Batch]],
    plan: Plan,
    validate: Callable[[nn.ModuleDict], float],
    report: Callable[[Epoch], None],
) -> nn.ModuleDict:
    """Trains the towers in place and returns the averaged copy that validated best."""
    temperature = Temperature(plan.scale)
    optimizer = torch.optim.AdamW(_parameter_groups(towers, temperature, plan.weight_decay), lr=plan.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rise_and_fall(plan.epochs * plan.batches))
    average, best, best_score = copy.deepcopy(towers), copy.deepcopy(towers), -math.inf
    started, steps = time.monotonic(), 0
    for number in range(plan.epochs):
        losses = []
        towers.train()
        with _a_thread_each(towers) as threads:
            for batch in _one_ahead(batches(number), threads):
                losses.append(_step(towers, temperature, batch, optimizer, plan.bfloat16, threads))
                schedule.step()
                steps += 1
                # Young averages forget faster, or the first, untrained weights would linger in them.
                _follow(average, towers, min(plan.average, (1 + steps) / (10 + steps)))
        score = validate(average.eval())
        if score > best_score:
            best, best_score = copy.deepcopy(average), score
        spent = time.monotonic() - started
        left = spent / (number + 1) * (plan.epochs - number - 1)
        report(Epoch(number + 1, plan.epochs, sum(losses) / max(1, len(losses)), score, spent, left))
    return best.eval()


@contextmanager
def _a_thread_each(towers: nn.ModuleDict) -> Iterator[Executor]:
    """Towers side by side, the cores shared among them: small networks gain little from many cores each."""
    cores = torch.get_num_threads()
    torch.set_num_threads(max(1, cores // len(towers)))
    try:
        with ThreadPoolExecutor(len(towers) + 1) as threads:  # one more makes the next batch
            yield threads
    finally:
        torch.set_num_threads(cores)


def _one_ahead(batches: Iterable[Batch], threads: Executor) -> Iterator[Batch]:
    """The same batches, each made while the one before is learned from."""
    rest = iter(batches)
    coming = threads.submit(next, rest, None)
    while (batch := coming.result()) is not None:
        coming = threads.submit(next, rest, None)
        yield batch


def _step(
    towers: nn.ModuleDict,
    temperature: Temperature,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    bfloat16: bool,
    threads: Executor,
) -> float:
    """One step; the loss meets only copies of the rows, so that each tower goes back through its own thread."""

    def forward(modality: str) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            rows: Tensor = towers[modality](batch.inputs[modality])
        return rows.float()

    optimizer.zero_grad(set_to_none=True)
    rows = dict(zip(batch.inputs, threads.map(forward, batch.inputs), strict=True))
    copies = {modality: row.detach().requires_grad_() for modality, row in rows.items()}
    loss = contrastive(copies, batch.matches, temperature())
    loss.backward()  # type: ignore[no-untyped-call]
    used = [modality for modality in rows if copies[modality].grad is not None]
    list(threads.map(lambda modality: torch.autograd.backward(rows[modality], copies[modality].grad), used))
    torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Moves each averaged weight a little towards the model's; counters are copied."""
    ours, theirs = average.state_dict(), model.state_dict()
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])


def _parameter_groups(towers: nn.Module, temperature: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay for matrices only: biases, norms and the temperature have no reason to be small."""
    matrices = [weight for weight in towers.parameters() if weight.ndim > 1]
    others = [weight for weight in towers.parameters() if weight.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": [*others, *temperature.parameters()], "weight_decay": 0.0},
    ]


def _rise_and_fall(steps: int) -> Callable[[int], float]:
    rise = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise)))) / 2

    return factor
