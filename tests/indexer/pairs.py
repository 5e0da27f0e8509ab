"""Pairs to train heads on: two or three views of the same hidden things, as towers would see them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hearsee.core.head import Head, Heads
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.data import Table, split, table_of
from hearsee.indexer.align.training import RANDOM, HeadRecipe, train_heads

HIDDEN, CAPTIONS = 6, 3
QUICK = HeadRecipe(start=RANDOM, dim=8, epochs=12, batch=64, width=16, rate=5e-3)


def view(things: Vectors, dim: int, noise: float, seed: int) -> Vectors:
    """How a tower of its own sees the things."""
    rng = np.random.default_rng(seed)
    rows = np.tanh(things @ rng.standard_normal((things.shape[1], dim), np.float32) / 3)
    return np.asarray(rows + noise * rng.standard_normal(rows.shape, np.float32), np.float32)


def views(groups: int = 300, seed: int = 0, sounds: bool = False, noise: float = 0.03) -> Table:
    """A picture and several captions of every thing; sounds of every other one."""
    things = np.random.default_rng(seed).standard_normal((groups, HIDDEN)).astype(np.float32)
    numbers = np.arange(groups)
    of = {"image": numbers, "text": np.repeat(numbers, CAPTIONS)} | ({"audio": numbers[::2]} if sounds else {})
    dims = {"image": 24, "text": 20, "audio": 12}
    rows = {name: view(things[mine], dims[name], noise, at) for at, (name, mine) in enumerate(of.items())}
    return table_of(rows, of, names=[f"thing {number}" for number in numbers])


def old_heads(table: Table, dim: int) -> dict[str, Head]:
    rng = np.random.default_rng(9)
    return {m: Head(rng.standard_normal((rows.shape[1], dim), np.float32)) for m, rows in table.vectors.items()}


def long_run(folder: Path, say: Callable[[str], None]) -> Heads:
    """A training run with everything in it that draws at random."""
    recipe = replace(QUICK, epochs=16, patience=None, hard_negatives=1, noise=0.05)
    return train_heads(split(views(sounds=True)), recipe, folder=folder, say=say)[0]


if __name__ == "__main__":  # meant to be killed
    long_run(Path(sys.argv[1]), lambda line: print(line, flush=True))  # noqa: T201
