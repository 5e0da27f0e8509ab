"""The shipped towers: what they read, that the same bytes give the same vector, and that they find things."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from hearsee.core.errors import BadMedia, Damaged, NotFound
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Words
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.toybox.exam import encoded, held_out
from hearsee.toybox.measure import measure
from hearsee.toybox.scene import Scene
from hearsee.toybox.sound import RATE, sound
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers import prepare
from hearsee.toybox.towers.encoders import WEIGHTS, ToyboxTower
from hearsee.toybox.write import Group

SPACE = toybox_space()
PREPARE = {Modality.IMAGE: prepare.picture, Modality.AUDIO: prepare.sound, Modality.TEXT: prepare.words}


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    return held_out(150, seed=77)


def media_of(one: Group) -> dict[Modality, Media]:
    return {
        Modality.IMAGE: Picture(one.picture),
        Modality.AUDIO: Sound(one.samples, RATE),
        Modality.TEXT: Words(one.caption),
    }


def vectors(modality: Modality, media: list[Media]) -> Vectors:
    return SPACE.tower(modality).encode([piece for one in media for piece in PREPARE[modality](one)])


@pytest.mark.parametrize("modality", Modality)
def test_the_batch_does_not_change_a_vector(modality: Modality, groups: list[Group]) -> None:
    pieces = [PREPARE[modality](media_of(one)[modality])[0] for one in groups]
    together = SPACE.tower(modality).encode(pieces)
    alone = np.concatenate([SPACE.tower(modality).encode([piece]) for piece in pieces[:20]])
    turned = SPACE.tower(modality).encode(pieces[::-1])[::-1]
    assert together.shape == (150, SPACE.dim)
    assert together.dtype == np.float32
    assert (np.einsum("rd,rd->r", together[:20], alone) > 1 - 1e-4).all()
    assert (np.einsum("rd,rd->r", together, turned) > 1 - 1e-4).all()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_unseen_combinations_are_found_in_every_direction(groups: list[Group]) -> None:
    figures = measure(encoded(SPACE, groups), [one.scene for one in groups])
    assert min(cuts["recall@10"].value for cuts in figures.values()) > 0.9


def test_searches_as_people_type_them_find_the_right_sound() -> None:
    scenes = [Scene(thing, 2, "medium", "middle", "far", "red") for thing in ("bell", "owl", "drum", "frog", "train")]
    sounds: list[Media] = [Sound(sound(scene, np.random.default_rng(5)), RATE) for scene in scenes]
    asked: list[Media] = [
        Words(text)
        for text in ("two bells far away", "2 owls, far off", "pair of distant drums", "zwei Frösche weit weg")
    ]
    cosines = vectors(Modality.TEXT, asked) @ vectors(Modality.AUDIO, sounds).T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_the_contract_is_known_without_torch() -> None:
    code = (
        "import sys; from hearsee.core.space import load_space; "
        "print(load_space('toybox').fingerprint, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [SPACE.fingerprint, "False"]


def test_other_weights_are_another_contract(tmp_path: Path) -> None:
    mine, theirs = ToyboxTower(Modality.TEXT), ToyboxTower(Modality.TEXT, tmp_path)
    raw = bytearray(mine.path.read_bytes())
    raw[-1] ^= 1
    theirs.path.write_bytes(raw)
    assert mine.contract.fingerprint != theirs.contract.fingerprint
    assert mine.contract.difference(theirs.contract).startswith("weights: ")
    assert asdict(replace(theirs.contract, weights=mine.contract.weights)) == asdict(mine.contract)


def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    tower = ToyboxTower(Modality.AUDIO, tmp_path)
    with pytest.raises(NotFound, match="audio"):
        _ = tower.contract
    piece = Piece(np.zeros((2, prepare.MELS, prepare.STEPS), np.float16))
    with pytest.raises(NotFound, match="hearsee align toybox"):
        tower.encode([piece])
    copy(WEIGHTS / "text.safetensors", tower.path)
    with pytest.raises(Damaged, match="audio"):
        tower.encode([piece])


def test_weights_are_small_and_ship_with_their_story() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) < 8 * 2**20
    assert (WEIGHTS / "training.json").is_file()


@pytest.mark.parametrize("modality", Modality)
def test_nothing_gives_no_rows_and_the_wrong_medium_is_named(modality: Modality) -> None:
    assert SPACE.tower(modality).encode([]).shape == (0, SPACE.dim)
    wrong = Words("a bell") if modality is not Modality.TEXT else Picture(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BadMedia, match=type(wrong).__name__):
        PREPARE[modality](wrong)
