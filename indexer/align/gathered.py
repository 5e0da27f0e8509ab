"""Several processes, one batch: rows gathered from all of them, so that the loss is that of one process with all rows.

Started by torchrun, one process for each GPU. Every process computes the whole loss over the gathered rows; only its
own rows carry gradients back, and the towers' gradients are then added up over the processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import Parameter

from hearsee.core.errors import HearseeError


@contextmanager
def together(device: str = "cpu") -> Iterator[int]:
    """Joins the processes that torchrun started and yields this one's number; one process alone is number 0."""
    if "RANK" not in os.environ or distributed.is_initialized():
        yield number()
        return
    if on_gpu := torch.device(device).type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        distributed.init_process_group("nccl" if on_gpu else "gloo")
    except (RuntimeError, ValueError) as error:  # distributed has errors of its own under these
        raise HearseeError(
            f"the processes of this run do not find each other: {str(error).splitlines()[0]}; start them with torchrun"
        ) from None
    try:
        yield number()
    finally:
        distributed.destroy_process_group()


def number() -> int:
    """Which of the processes this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def first() -> bool:
    """Whether this process speaks, and writes, for all of them."""
    return number() == 0


def processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def meet() -> None:
    """Waits until every process has come here."""
    if processes() > 1:
        distributed.barrier()


def everyones(tensor: Tensor, device: str = "cpu") -> Tensor:
    """The tensors of all processes, one under the other, (processes, …); they must be of one shape."""
    if processes() == 1:
        return tensor[None]
    mine = tensor.to(device)
    parts = [torch.empty_like(mine) for _ in range(processes())]
    distributed.all_gather(parts, mine)
    return torch.stack(parts).to(tensor.device)


def of_the_first(tensor: Tensor, device: str = "cpu") -> Tensor:
    """What the first process holds: the others must decide as it does."""
    if processes() == 1:
        return tensor
    told = tensor.to(device).contiguous()
    distributed.broadcast(told, 0)
    return told.to(tensor.device)


def same_everywhere(text: str, device: str = "cpu") -> bool:
    digest = torch.tensor(list(sha256(text.encode()).digest()), dtype=torch.uint8)
    all_ = everyones(digest, device)
    return bool((all_ == all_[0]).all())


def begin_alike(module: nn.Module, device: str = "cpu") -> None:
    """Gives every process the weights of the first."""
    if processes() > 1:
        with torch.no_grad():
            for value in module.state_dict().values():
                value.copy_(of_the_first(value, device))


def mine(rows: Tensor) -> Tensor:
    """This process's share of a batch that every process made alike: each n-th row."""
    return rows[number() :: processes()] if processes() > 1 else rows


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
    if processes() > 1:
        _sum([weight for weight in towers if weight.requires_grad], 1)
        _sum([weight for weight in loss if weight.requires_grad], processes())


def _sum(weights: list[Parameter], divisor: int) -> None:
    """In one message; a weight that no row of any process needed stays without a gradient, as in one process."""
    if not weights:
        return
    needed = torch.tensor([float(weight.grad is not None) for weight in weights], device=weights[0].device)
    distributed.all_reduce(needed)
    some = [weight for weight, count in zip(weights, needed.tolist(), strict=True) if count]
    if not some:
        return
    slopes = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in some]
    whole = torch.cat([slope.reshape(-1) for slope in slopes])
    distributed.all_reduce(whole)
    for weight, part in zip(some, torch.split(whole / divisor, [slope.numel() for slope in slopes]), strict=True):
        weight.grad = part.reshape(weight.shape)


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
