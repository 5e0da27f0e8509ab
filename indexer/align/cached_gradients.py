"""Large contrastive batches in the memory of small ones: the gradients of the whole, gathered chunk by chunk.

The loss needs all rows at once but the towers do not: they run once without a memory of how, the loss says what each
row should have been (its gradient), and the towers run again, chunk by chunk, to learn it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Tower: TypeAlias = Callable[[Tensor], Tensor]
Loss: TypeAlias = Callable[[Mapping[str, Tensor]], Tensor]
State: TypeAlias = tuple[Tensor, Tensor | None]  # of the random draws: of the processor, of the GPU where one is used


def cached_backward(towers: Mapping[str, Tower], inputs: Mapping[str, Tensor], loss: Loss, chunk: int) -> Tensor:
    """Adds the gradients of `loss` over the whole batch to the towers' weights, and returns the loss.

    The gradients are those of one pass over the batch in chunks: towers that draw at random (dropout) draw the same
    the second time. What a loss learns itself (a temperature) learns from the whole. Only a tower that looks across
    the rows of a batch (batch norm in training) sees its chunk alone.
    """
    draws: dict[str, list[State]] = {}
    copies: dict[str, Tensor] = {}
    on_gpu = any(table.device.type == "cuda" for table in inputs.values())
    for modality, table in inputs.items():
        draws[modality], rows = [], []
        with torch.no_grad():
            for part in torch.split(table, chunk):
                draws[modality].append(_draws(on_gpu))
                rows.append(towers[modality](part))
        copies[modality] = torch.cat(rows).requires_grad_()
    after = _draws(on_gpu)
    whole = loss(copies)
    whole.backward()  # type: ignore[no-untyped-call]
    for modality, table in inputs.items():
        wanted = copies[modality].grad
        if wanted is None:  # the loss had no partner for it
            continue
        for part, drawn, slope in zip(
            torch.split(table, chunk), draws[modality], torch.split(wanted, chunk), strict=True
        ):
            _draw_again(drawn)
            again = towers[modality](part)
            if again.requires_grad:  # a frozen tower has nothing to learn
                torch.autograd.backward(again, slope)
    _draw_again(after)  # as if the towers had run once
    return whole.detach()


def _draws(on_gpu: bool) -> State:
    return torch.get_rng_state(), torch.cuda.get_rng_state() if on_gpu else None


def _draw_again(state: State) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
