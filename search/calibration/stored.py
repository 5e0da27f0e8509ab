"""`calibration.json`: what a library's cosines are worth, as the last `hearsee calibrate` found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.indexer.files import publish
from hearsee.search.calibration.curves import Curve
from hearsee.search.calibration.evidence import Evidence
from hearsee.search.calibration.kept import parsed, raw_of, read_kept
from hearsee.search.calibration.pair import POPULATION, PairCalibration, Presence
from hearsee.search.calibration.reliability import Bin

if TYPE_CHECKING:  # who only searches needs no writer
    from hearsee.indexer.writer import Writer

NAME = "calibration.json"
FORMAT = 3
MOST_BYTES = 4 << 20  # some sixty kilobytes are usual


@dataclass(frozen=True)
class Calibration:
    space_fingerprint: str
    library_id: str
    generation: int  # that it was fitted on
    items: Mapping[str, int]  # live ones of each modality then
    relevant_by: Mapping[str, str]  # pair -> "group", "pairs", or the metadata keys
    fusion: str  # how the parts of mixes were fused
    pairs: Mapping[str, PairCalibration]  # "text->image", "image+text->audio", …
    seed: int
    population: str = POPULATION
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def raw(self) -> bytes:
        return raw_of(self.as_dict())

    @classmethod
    def parse(cls, raw: bytes) -> Calibration:
        """What `raw` wrote; ValueError for anything else."""
        return parsed(
            raw,
            lambda held: cls(**held | {"pairs": {name: _pair(one) for name, one in held["pairs"].items()}}),
            FORMAT,
            "a calibration",
        )


def save_calibration(writer: Writer, calibration: Calibration) -> None:
    """Put it into the library, whole or not at all, under the lock that the writer holds."""
    publish(writer.folder, NAME, lambda sink: sink.write(calibration.raw))


def read_calibration(folder: Path) -> Calibration | None:
    """The library's calibration; what cannot be read is as good as none, and the log says so."""
    return read_kept(folder / NAME, Calibration.parse, MOST_BYTES, "hearsee calibrate")


def _pair(document: dict[str, Any]) -> PairCalibration:
    curve, best = (_curve(document.pop(name)) for name in ("curve", "best"))
    evidence, presence = Evidence(**document.pop("evidence")), _presence(document.pop("presence"))
    table, best_table = (tuple(Bin(**one) for one in document.pop(name)) for name in ("table", "best_table"))
    return PairCalibration(
        **document, evidence=evidence, presence=presence, curve=curve, best=best, table=table, best_table=best_table
    )


def _curve(document: dict[str, Any]) -> Curve:
    return Curve(**{name: tuple(values) for name, values in document.items()})


def _presence(document: dict[str, Any]) -> Presence:
    return Presence(**document | {"usual": tuple(document["usual"])})
