"""Golden vectors: the same for the same tower, told apart when its preprocessing drifts, and kept as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.canonical import SAMPLES, canonical_inputs, write_samples
from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_picture
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import Damaged, Refused
from hearsee.core.golden import LEAST_COSINE, Golden, GoldenTower, golden_of
from hearsee.core.media.decode import DECODER, decode
from hearsee.core.media.kinds import Picture, Piece, Sound, Words
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import find_preparation, prepare
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.vectors import Vectors, unit


@dataclass(frozen=True)
class Squares:
    """A picture as what differs from square to square: linear, so its drift is that of the preprocessing alone."""

    kind: str = "bicubic"
    rounding: type[np.floating[Any]] = np.float32
    dim: int = 3 * 96 * 96

    @property
    def preparation(self) -> str:
        options = f'{{"mode": "shortest", "resize": [96, 96], "crop": [96, 96], "filter": "{self.kind}"}}'
        return f"{prepare_picture.NAME}?{options}"

    @property
    def contract(self) -> Contract:
        return Contract("squares", "none", "said to be the same", "the whole picture", DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        rows = np.stack([piece.data.astype(np.float32).ravel() for piece in pieces])
        return unit((rows - rows.mean(axis=1, keepdims=True)).astype(self.rounding))


def test_canonical_inputs_are_files_that_the_decoder_takes() -> None:
    media = {m: [decode(m, raw, Limits()) for raw in canonical_inputs(m)] for m in Modality}
    shapes = [one.pixels.shape for one in media[Modality.IMAGE] if isinstance(one, Picture)]
    assert shapes == [(199, 301, 3), (280, 350, 3), (912, 896, 3)]
    sounds = [one for one in media[Modality.AUDIO] if isinstance(one, Sound)]
    assert [(one.samples.shape, one.rate) for one in sounds] == [((110_250, 2), 44_100), ((20_000, 1), 16_000)]
    assert all(0.1 < np.abs(one.samples).max() < 1 for one in sounds)
    assert all(isinstance(one, Words) and len(one.text) > 20 for one in media[Modality.TEXT])
    assert canonical_inputs(Modality.IMAGE) == canonical_inputs(Modality.IMAGE)


def test_coded_samples_are_what_the_code_beside_them_makes(tmp_path: Path) -> None:
    write_samples(tmp_path)
    kept = {file.name: file.read_bytes() for file in SAMPLES.iterdir()}
    assert kept.keys() == {file.name for file in tmp_path.iterdir()}
    assert sum(map(len, kept.values())) < 40_000
    for name, raw in kept.items():
        modality = Modality.IMAGE if name.endswith("jpg") else Modality.AUDIO
        mine, anew = (decode(modality, one, Limits()) for one in (raw, (tmp_path / name).read_bytes()))
        if isinstance(mine, Picture) and isinstance(anew, Picture):
            assert np.abs(mine.pixels.astype(int) - anew.pixels).mean() < 2  # another release codes a little otherwise
        elif isinstance(mine, Sound) and isinstance(anew, Sound):
            assert mine.samples.shape == anew.samples.shape
            assert np.corrcoef(mine.samples[:, 0], anew.samples[:, 0])[0, 1] > 0.99


def test_a_codec_that_decodes_otherwise_is_seen() -> None:
    """One whose sounds begin an MPEG frame late, as decoders do that forget an encoder's delay."""
    tower = load_space("toybox").tower(Modality.AUDIO)
    rows = [tower.encode(prepare(tower.preparation, Modality.AUDIO, raw, Limits())[:2])
            for raw in canonical_inputs(Modality.AUDIO)]  # fmt: skip
    late = []
    for raw in canonical_inputs(Modality.AUDIO):
        sound = decode(Modality.AUDIO, raw, Limits())
        assert isinstance(sound, Sound)
        moved = Sound(np.pad(sound.samples, ((1_152, 0), (0, 0)))[: len(sound.samples)], sound.rate)
        late.append(tower.encode(find_preparation(tower.preparation)(moved)[:2]))
    cosines = (unit(np.concatenate(rows)) * unit(np.concatenate(late))).sum(axis=1)
    assert cosines.min() < LEAST_COSINE


@pytest.mark.parametrize("modality", list(Modality))
def test_the_same_tower_makes_the_same_golden_vectors(modality: Modality) -> None:
    made = golden_of(HashEncoder(modality), modality)
    assert len(made.rows) >= 2
    kept = Golden.parse(made.text)
    assert kept is not None
    assert kept.fingerprint == made.fingerprint
    assert kept.drift(golden_of(HashEncoder(modality), modality)) is None
    assert kept.drift(golden_of(HashEncoder(modality, 8), modality)) is not None


def test_another_filter_is_drift_and_rounding_is_not() -> None:
    made = golden_of(Squares(), Modality.IMAGE)
    assert made.drift(golden_of(Squares(), Modality.IMAGE)) is None
    assert made.drift(golden_of(Squares(rounding=np.float16), Modality.IMAGE)) is None
    drifted = made.drift(golden_of(Squares("bilinear"), Modality.IMAGE))
    assert drifted is not None
    assert f"where {LEAST_COSINE} is the least" in drifted


def test_a_tower_is_held_against_what_is_kept_once_before_its_first_vector() -> None:
    kept: list[str] = []
    piece = Piece(np.zeros((96, 96, 3), np.uint8) + np.arange(96, dtype=np.uint8)[:, None])
    first = GoldenTower(Squares(), Modality.IMAGE, lambda: None, lambda golden: kept.append(golden.text))
    first.encode([piece])
    first.encode([piece])
    assert len(kept) == 1
    asked: list[int] = []

    def known() -> str:
        asked.append(1)
        return kept[0]

    same = GoldenTower(Squares(), Modality.IMAGE, known, lambda _: pytest.fail("nothing new is kept"))
    np.testing.assert_array_equal(same.encode([piece]), first.encode([piece]))
    same.encode([piece])
    assert len(asked) == 1
    other = GoldenTower(Squares("bilinear"), Modality.IMAGE, known, where="library here")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            other.encode([piece])
    said = "; ".join((str(refused.value), *refused.value.details))
    mine, theirs = (golden_of(tower, Modality.IMAGE).fingerprint[:12] for tower in (Squares(), Squares("bilinear")))
    for part in (
        "the image tower squares",
        "library here",
        f"{mine} -> {theirs}",
        "hearsee space add",
        "same releases",
    ):
        assert part in said, part
    assert "\n" not in said


def test_the_release_that_changed_is_named() -> None:
    old = Golden(np.ones((1, 2), np.float16), {"Pillow": "12.1.0", "numpy": "2.4.6"})
    new = replace(old, libraries={"Pillow": "13.0.0", "numpy": "2.4.6", "torch": "2.11.0"})
    assert old.turns(new) == "Pillow 12.1.0 -> 13.0.0, torch none -> 2.11.0"


def test_a_tower_that_takes_no_such_media_is_held_against_nothing() -> None:
    @dataclass(frozen=True)
    class Deaf(HashEncoder):
        preparation: str = "hearsee.core.encoders.prepare_text:text"

    tower = GoldenTower(Deaf(Modality.AUDIO), Modality.AUDIO, lambda: None, lambda _: pytest.fail("nothing to keep"))
    assert tower.encode([Piece(np.ones(3, np.uint8))]).shape == (1, 16)
    golden = golden_of(HashEncoder(Modality.AUDIO), Modality.AUDIO)
    heard = GoldenTower(Deaf(Modality.AUDIO), Modality.AUDIO, lambda: golden.text)
    with pytest.raises(Refused, match="gives other vectors"):
        heard.encode([Piece(np.ones(3, np.uint8))])


def test_golden_vectors_of_another_version_are_none() -> None:
    assert Golden.parse(None) is None
    assert Golden.parse('{"format": 1, "rows": "other inputs"}') is None
    made: list[Golden] = []
    tower = GoldenTower(HashEncoder(Modality.TEXT), Modality.TEXT, lambda: '{"format": 1}', made.append)
    tower.encode([Piece(np.ones(3, np.uint8))])
    assert len(made) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 3}', '{"format": 3, "shape": [3], "rows": "?", "libraries": {}}']
)
def test_what_is_no_golden_text_is_damage(text: str) -> None:
    with pytest.raises(Damaged, match="golden vectors that the catalog keeps"):
        Golden.parse(text)
