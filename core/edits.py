"""What words change in a target: a learned rule that erases what they speak about and writes what they say.

    change = Σ gateₖ(words) · ⟨target, readₖ⟩ · eraseₖ + write(words)

One set of weights for edits ("but blue"), one for steering away ("not blue"). The formula is written once, over numpy
or torch arrays (`xp`), so that what was trained is what answers. Shapes: q queries, d dimensions, h hidden, r readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.attention import numbers
from hearsee.core.fuser import Arrays, Learned, read_weights
from hearsee.core.modality import Modality

FILE = "edits.safetensors"  # in the space's folder, and in the folder of a library with its own
COMMAND = "hearsee align edits"
EDIT, WITHOUT = "edit", "without"
HIDDEN = 64
READINGS = 32


def change(xp: Any, weights: Mapping[str, Any], target: Any, words: Any, modality: Modality) -> Any:
    """What the words, (q, d), of a modality add to the target, (q, d), both of length one: (q, d)."""
    which = numbers([modality])[0]
    hidden = xp.tanh(words @ weights["see"][which] + weights["base"][which])  # (q, h)
    known = target @ weights["read"]  # (q, r): what the target says already
    return (hidden @ weights["gate"] * known) @ weights["erase"] + hidden @ weights["write"]


def start_weights(dim: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Before training little is changed."""
    kinds = len(Modality)

    def drawn(*shape: int, scale: float) -> NDArray[np.float32]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    return {
        "see": drawn(kinds, dim, HIDDEN, scale=3 * dim**-0.5),
        "base": drawn(kinds, HIDDEN, scale=0.1),
        "gate": drawn(HIDDEN, READINGS, scale=HIDDEN**-0.5),
        "read": drawn(dim, READINGS, scale=dim**-0.5),
        "erase": drawn(READINGS, dim, scale=0.1 * dim**-0.5),
        "write": drawn(HIDDEN, dim, scale=0.5 * (HIDDEN * dim) ** -0.5),
    }


def read_edits(path: Path, space: str, dim: int) -> Learned:
    """The weights, refused where they were learned in another space, and where they are not what they should be."""
    start = start_weights(dim, np.random.default_rng(0))
    expected: dict[str, Arrays] = {EDIT: start, WITHOUT: start}
    return read_weights(path, space, dim, expected, COMMAND)
