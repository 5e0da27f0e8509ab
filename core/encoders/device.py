"""Where and how exactly towers are run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Piece
from hearsee.core.vectors import Vectors, unit

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 on a GPU, float32 elsewhere
LOADING = threading.Lock()  # two threads that need one model load it once
Rows = TypeVar("Rows")  # of a batch: numbers, or a tensor that may still be computed


@dataclass(frozen=True)
class Run:
    """How a tower is run; it changes the speed of vectors, and their direction by less than 1e-3 in cosine."""

    device: str = "auto"  # auto: the first GPU where there is one
    precision: Precision = "auto"
    compiled: bool = False  # torch.compile: minutes at the start, a steady gain afterwards
    batch: int | None = None  # pieces that go through a network at once; none: 32, on a GPU 128

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise BadInput(f"precision {self.precision!r}: use one of {', '.join(get_args(Precision))}")
        if self.batch is not None and self.batch < 1:
            raise BadInput(f"a batch of {self.batch} pieces: it must be one or more")

    @property
    def size(self) -> int:
        """Pieces of a batch."""
        return self.batch or (128 if self.torch_device().type == "cuda" else 32)

    @property
    def fewest(self) -> int:
        """Pieces that a batch should have before it ends for longer ones; a GPU would rather read some padding."""
        return 8 if self.torch_device().type == "cpu" else self.size

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
    fewest: int = 1,
) -> Vectors:
    """Encode by places, in `batches`; unit rows in the given order."""
    import torch

    with torch.inference_mode():
        return in_order(len(pieces), encode, size, keys, fewest, lambda rows: rows.float().cpu().numpy())


def in_order(
    count: int,
    encode: Callable[[Sequence[int]], Rows],
    size: int,
    keys: Sequence[int] | None = None,
    fewest: int = 1,
    land: Callable[[Rows], Vectors] = np.asarray,
) -> Vectors:
    """Where `encode` only sets a GPU to work, the next batch is made ready and copied there meanwhile."""
    found: list[Vectors | None] = [None] * count
    flying: deque[tuple[Sequence[int], Rows]] = deque()

    def take(most: int) -> None:
        while len(flying) > most:
            places, rows = flying.popleft()
            for place, row in zip(places, land(rows), strict=True):
                found[place] = row

    for places in batches(count, size, keys, fewest):
        flying.append((places, encode(places)))
        take(1)
    take(0)
    return unit(np.asarray(found, np.float32))


def batches(count: int, size: int, keys: Sequence[int] | None = None, fewest: int = 1) -> Iterator[list[int]]:
    """Places, at most `size` at a time; where `keys` are lengths the shortest come first.

    Then a batch of `fewest` or more also ends where the next piece would make the others a ninth longer, or by more.
    """
    order = list(range(count)) if keys is None else sorted(range(count), key=lambda place: keys[place])
    batch: list[int] = []
    for place in order:
        longer = keys is not None and len(batch) >= fewest and 9 * keys[batch[0]] < 8 * keys[place]
        if batch and (longer or len(batch) >= size):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def pixels(pieces: Sequence[Piece], mean: Sequence[float], std: Sequence[float], run: Run) -> torch.Tensor:
    """Pictures as a network wants them, (pictures, 3, height, width): whole numbers travel, scaled on the device."""
    import torch

    together = torch.from_numpy(np.stack([piece.data for piece in pieces]))
    device = run.torch_device()
    # Turned while they are whole numbers: arithmetic on numbers that lie across memory takes ten times as long.
    whole = copied(together, device).permute(0, 3, 1, 2).contiguous()
    middle = torch.tensor(mean, device=device).view(1, 3, 1, 1) * 255.0
    spread = torch.tensor(std, device=device).view(1, 3, 1, 1) * 255.0
    return whole.float().sub_(middle).div_(spread).to(run.torch_dtype())


def copied(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on the device; to a GPU it travels beside what the GPU computes, from memory that stays in place."""
    import torch

    if device.type != "cuda":
        return tensor.to(device)
    beside = _beside(device)
    with torch.cuda.stream(beside):
        there = tensor.pin_memory().to(device, non_blocking=True)
    now = torch.cuda.current_stream(device)
    now.wait_stream(beside)
    there.record_stream(now)  # else its memory could be given away while it is being read
    return there


@lru_cache(maxsize=8)
def _beside(device: torch.device) -> torch.cuda.Stream:
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
