"""Where and how exactly towers are run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Piece
from hearsee.core.vectors import Vectors, unit

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 on a GPU, float32 elsewhere
LOADING = threading.Lock()  # two threads that need one model load it once
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Run:
    """How a tower is run; it changes the speed of vectors, and their direction by less than 1e-3 in cosine."""

    device: str = "auto"  # auto: the first GPU where there is one
    precision: Precision = "auto"
    compiled: bool = False  # torch.compile: minutes at the start, a steady gain afterwards
    batch: int = 32  # pieces that go through a network at once

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise BadInput(f"precision {self.precision!r}: use one of {', '.join(get_args(Precision))}")
        if self.batch < 1:
            raise BadInput(f"a batch of {self.batch} pieces: it must be one or more")

    def torch_device(self) -> torch.device:
        import torch

        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)

    def torch_dtype(self) -> torch.dtype:
        import torch

        on_gpu = self.torch_device().type == "cuda"
        return (
            torch.bfloat16 if self.precision == "bfloat16" or (self.precision == "auto" and on_gpu) else torch.float32
        )

    def ready(self, model: torch.nn.Module) -> Any:
        """The model where and as it will run, never to be trained."""
        return model.eval().requires_grad_(False).to(self.torch_device(), self.torch_dtype())

    def faster(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import torch

        return torch.compile(function, dynamic=True) if self.compiled else function


def in_batches(
    pieces: Sequence[Piece],
    encode: Callable[[Sequence[int]], torch.Tensor],
    size: int,
    keys: Sequence[int] | None = None,
) -> Vectors:
    """Encode by places, `size` at a time, the shortest first where `keys` are lengths; unit rows in the given order."""
    import torch

    with torch.inference_mode():
        return in_order(len(pieces), lambda places: encode(places).float().cpu().numpy(), size, keys)


def in_order(
    count: int, encode: Callable[[Sequence[int]], Vectors], size: int, keys: Sequence[int] | None = None
) -> Vectors:
    order = list(range(count)) if keys is None else sorted(range(count), key=lambda place: keys[place])
    rows: list[Vectors | None] = [None] * count
    for start in range(0, count, size):
        places = order[start : start + size]
        for place, row in zip(places, encode(places), strict=True):
            rows[place] = row
    return unit(np.asarray(rows, np.float32))


def pixels(pieces: Sequence[Piece], mean: Sequence[float], std: Sequence[float], run: Run) -> torch.Tensor:
    """Pictures as a network wants them, (pictures, 3, height, width): whole numbers travel, scaled on the device."""
    import torch

    together = torch.from_numpy(np.stack([piece.data for piece in pieces]))
    device = run.torch_device()
    if device.type == "cuda":
        together = together.pin_memory()
    # Turned while they are whole numbers: arithmetic on numbers that lie across memory takes ten times as long.
    whole = together.to(device, non_blocking=True).permute(0, 3, 1, 2).contiguous()
    middle = torch.tensor(mean, device=device).view(1, 3, 1, 1) * 255.0
    spread = torch.tensor(std, device=device).view(1, 3, 1, 1) * 255.0
    return whole.float().sub_(middle).div_(spread).to(run.torch_dtype())
