"""A writer that is meant to be killed: does numbered operations without end and says when each is acknowledged."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np

from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add

State = dict[str, tuple[int, int]]  # URI -> version, points
URIS = 120


@dataclass(frozen=True)
class Operation:
    kind: Literal["put", "remove", "compact", "shards"]
    uris: tuple[str, ...] = ()
    points: int = 1


def operation(seed: int, number: int) -> Operation:
    rng = np.random.default_rng((seed, number))
    kinds: list[Literal["put", "remove", "compact", "shards"]] = ["put", "remove", "compact", "shards"]
    kind = kinds[rng.choice(4, p=[0.45, 0.15, 0.3, 0.1])]
    chosen = rng.choice(URIS, size=rng.integers(1, 30), replace=False)
    return Operation(kind, tuple(f"file:///stock/{n}" for n in chosen.tolist()), int(rng.integers(1, 4)))


def modality(uri: str) -> Modality:
    return Modality.AUDIO if int(uri.rpartition("/")[2]) % 3 == 0 else Modality.IMAGE


def after(state: State, number: int, op: Operation) -> State:
    """What a library holds once the operation is whole."""
    if op.kind == "put":
        return {**state, **dict.fromkeys(op.uris, (number, op.points))}
    if op.kind == "remove":
        return {uri: held for uri, held in state.items() if uri not in op.uris}
    return state


def perform(writer: Writer, number: int, op: Operation) -> None:
    if op.kind == "put":
        writer.commit(Batch([add(uri, number, op.points, modality(uri)) for uri in op.uris]))
    elif op.kind == "remove":
        writer.remove(list(writer.catalog.find(op.uris)))
    elif op.kind == "compact":
        writer.compact()
    else:
        writer.build_shards()


def main(folder: str, seed: int, start: int) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        print("ready", flush=True)  # noqa: T201
        for number in count(start):
            perform(writer, number, operation(seed, number))
            print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
