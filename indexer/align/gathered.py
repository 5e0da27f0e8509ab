"""Several processes, one batch: rows gathered from all of them, so that the loss is that of one process with all rows.

Started by torchrun, one process for each GPU. Every process computes the whole loss over the gathered rows; only its
own rows carry gradients back, and the towers' gradients are then added up over the processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import Parameter


@contextmanager
def together() -> Iterator[int]:
    """Joins the processes that torchrun started and yields this one's number; one process alone is number 0."""
    if "RANK" not in os.environ or distributed.is_initialized():
        yield distributed.get_rank() if distributed.is_initialized() else 0
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield distributed.get_rank()
    finally:
        distributed.destroy_process_group()


def first() -> bool:
    """Whether this process speaks, and writes, for all of them."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def mine(rows: Tensor) -> Tensor:
    """This process's share of a batch that every process made alike: each n-th row."""
    return rows[distributed.get_rank() :: processes()] if processes() > 1 else rows


def gathered(rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The rows of all processes, by modality, process after process; gradients come back to one's own.

    Every process names the same modalities and the same width; one that has no rows of a modality gives (0, width).
    """
    if processes() == 1:
        return dict(rows)
    return {modality: _Gather.apply(rows[modality]) for modality in sorted(rows)}  # type: ignore[no-untyped-call]


def gathered_numbers(numbers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same for numbers that go with the rows, such as their groups."""
    if processes() == 1:
        return dict(numbers)
    return {modality: torch.cat(_all(numbers[modality])) for modality in sorted(numbers)}


def add_up(towers: Iterable[Parameter], loss: Iterable[Parameter] = ()) -> None:
    """After the backward pass: sums the towers' gradients over the processes.

    What the `loss` learns itself, such as a temperature, saw all rows in every process: there the mean is the sum.
    """
    count = processes()
    if count == 1:
        return
    for weights, divisor in ((towers, 1), (loss, count)):
        for weight in weights:
            if weight.grad is None:  # no row of ours needed it; another process may have some
                weight.grad = torch.zeros_like(weight)
            distributed.all_reduce(weight.grad)
            weight.grad /= divisor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = _all(rows)
        context.start = sum(len(part) for part in parts[: distributed.get_rank()])
        context.count = len(rows)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> Tensor:
        return slopes[0][context.start : context.start + context.count]


def _all(rows: Tensor) -> list[Tensor]:
    """Every process's rows; shorter ones travel padded, for all must send as much."""
    lengths = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(processes())]
    distributed.all_gather(lengths, torch.tensor([len(rows)], device=rows.device))
    longest = int(max(lengths))
    padded = rows.new_zeros((longest, *rows.shape[1:]))
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in lengths]
    distributed.all_gather(parts, padded)
    return [part[: int(length)] for part, length in zip(parts, lengths, strict=True)]
