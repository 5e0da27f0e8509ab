"""`naming.json`: the chance that the best name of a list is right, as the last `hearsee calibrate --names` found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearsee.core.vectors import Vectors
from hearsee.indexer.files import publish
from hearsee.search.calibration.curves import Curve
from hearsee.search.calibration.evidence import Numbers
from hearsee.search.calibration.kept import parsed, raw_of, read_kept
from hearsee.search.calibration.reliability import Bin

if TYPE_CHECKING:  # who only names needs no writer
    from hearsee.indexer.writer import Writer

NAME = "naming.json"
FORMAT = 1
MOST_BYTES = 1 << 20  # some twenty kilobytes are usual
ODDS = 100.0  # what cosines are multiplied with before the best name is weighed against all others
POPULATION = (
    "the chance that the best name is right, over lists drawn from these names, each asked once with the item's own "
    "name among them and once without"
)


@dataclass(frozen=True)
class NamingCurve:
    """What the names of one kind of items are worth, and how well that held on names that were left out."""

    weights: tuple[float, float, float]  # of the best name's cosine, its margin over the second, its odds
    curve: Curve
    method: str  # "all, platt"
    templates: tuple[str, ...]  # how names were asked for
    items: int
    names: int
    right: float  # share of items whose best name was right among all the names
    error: float  # expected calibration error over held-out names
    table: tuple[Bin, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != 3 or not all(0 <= one < inf for one in self.weights) or not sum(self.weights):
            raise ValueError("a curve of names has three weights, none of them below 0")

    def chances(self, cosines: Vectors) -> Numbers:
        """That the best name is right, (items, names) -> (items,)."""
        return self.curve(clues(cosines) @ np.asarray(self.weights))


@dataclass(frozen=True)
class Naming:
    space_fingerprint: str
    library_id: str
    generation: int  # that it was fitted on
    key: str  # the metadata key that names the items
    kinds: Mapping[str, NamingCurve]  # by modality
    seed: int
    population: str = POPULATION
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def raw(self) -> bytes:
        return raw_of(self.as_dict())

    @classmethod
    def parse(cls, raw: bytes) -> Naming:
        """What `raw` wrote; ValueError for anything else."""
        return parsed(
            raw,
            lambda held: cls(**held | {"kinds": {name: _curve(one) for name, one in held["kinds"].items()}}),
            FORMAT,
            "chances of names",
        )


def clues(cosines: Vectors) -> Numbers:
    """Cosine of the best name, its margin over the second, its odds against all others: (items, names) -> (items, 3).

    A cosine of -inf: that name is not in the item's list, which must hold two.
    """
    rest = np.array(cosines, np.float64)  # in place from here on: there may be many names
    at = rest.argmax(axis=-1)[:, None]
    best = np.take_along_axis(rest, at, axis=-1)[:, 0]
    np.put_along_axis(rest, at, -np.inf, axis=-1)
    second = rest.max(axis=-1)
    rest -= second[:, None]
    rest *= ODDS
    np.exp(rest, out=rest)
    return np.stack([best, best - second, ODDS * (best - second) - np.log(rest.sum(axis=-1))], axis=-1)


def save_naming(writer: Writer, naming: Naming) -> None:
    """Put it into the library, whole or not at all, under the lock that the writer holds."""
    publish(writer.folder, NAME, lambda sink: sink.write(naming.raw))


def read_naming(folder: Path) -> Naming | None:
    """The library's chances of names; what cannot be read is as good as none, and the log says so."""
    return read_kept(folder / NAME, Naming.parse, MOST_BYTES, "hearsee calibrate --names KEY")


def _curve(document: Mapping[str, Any]) -> NamingCurve:
    curve = Curve(**{name: tuple(values) for name, values in document["curve"].items()})
    table = tuple(Bin(**one) for one in document["table"])
    lists = {name: tuple(document[name]) for name in ("weights", "templates")}
    return NamingCurve(**dict(document) | lists | {"curve": curve, "table": table})
