"""The miniature: the training command on a few groups learns far more than chance, in under two minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Picture, Sound
from hearsee.core.modality import Modality
from hearsee.toybox.exam import encoded, held_out
from hearsee.toybox.lessons import (
    captions_of,
    distorted_pictures,
    distorted_sounds,
    fitting,
    make_lessons,
    misspelt,
    numbered,
    prepared,
    rounds,
    short_captions,
)
from hearsee.toybox.measure import alike, measure
from hearsee.toybox.scene import HEARD, SEEN
from hearsee.toybox.sound import RATE
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers import prepare, weights_file
from hearsee.toybox.train import Recipe, train
from hearsee.toybox.write import group, scene_of

SMALL = Recipe(seed=3, groups=1536, epochs=6, batch=64, validation_groups=100)


@pytest.mark.timeout(600)
def test_a_miniature_learns_in_every_direction(tmp_path: Path) -> None:
    lines: list[str] = []
    note = train(tmp_path, SMALL, 2, lines.append)
    assert {path.name for path in tmp_path.iterdir()} == {
        "image.safetensors", "audio.safetensors", "text.safetensors", "training.json"
    }  # fmt: skip
    assert json.loads((tmp_path / "training.json").read_text())["recipe"]["seed"] == 3
    assert any("epoch 6/6" in line and "0 s left" in line for line in lines)
    space, groups = toybox_space(tmp_path), held_out(300)
    figures = measure(encoded(space, groups), [one.scene for one in groups])
    chance = measure(scrambled(), [one.scene for one in groups])
    for direction, cuts in figures.items():
        assert cuts["recall@10"].value > 5 * max(0.02, chance[direction]["recall@10"].value), note


def scrambled() -> dict[str, np.ndarray[Any, Any]]:
    """Vectors that know nothing."""
    rng = np.random.default_rng(0)
    return {str(modality): rng.standard_normal((300, 16)) for modality in Modality}


def test_too_few_groups_for_a_batch_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="groups is 10"):
        train(tmp_path / "out", Recipe(groups=10), 1, print)
    assert not (tmp_path / "out").exists()


def test_lessons_are_the_same_however_they_are_shared_out(tmp_path: Path) -> None:
    seen: list[int] = []
    lessons = make_lessons(tmp_path, 4, "train", 1010, 2, lambda done, _: seen.append(done))
    assert seen == [1000, 1010]
    for index in (0, 1001):
        one = group(4, "train", index)
        assert lessons.scenes[index] == one.scene
        np.testing.assert_array_equal(lessons.pictures[index], prepare.picture(Picture(one.picture))[0].data)
        np.testing.assert_array_equal(lessons.sounds[index], prepare.sound(Sound(one.samples, RATE))[0].data)
    same_heard = lessons.heard[:, None] == lessons.heard[None, :]
    np.testing.assert_array_equal(same_heard, alike(lessons.scenes, HEARD))
    same_seen = lessons.seen[:, None] == lessons.seen[None, :]
    np.testing.assert_array_equal(same_seen, alike(lessons.scenes, SEEN))
    batches = list(rounds(lessons, 64, np.random.default_rng(0)))
    everyone = np.concatenate(batches)
    assert len(everyone) == len(set(everyone.tolist()))
    assert {len(batch) for batch in batches} == {64}


def test_clumsy_captions_are_other_words_for_the_same() -> None:
    scenes = [scene_of(0, "train", index) for index in range(20)]
    plain = captions_of(scenes, np.random.default_rng(0), clumsy=False)
    assert plain == captions_of(scenes, np.random.default_rng(0), clumsy=False)
    assert plain != captions_of(scenes, np.random.default_rng(1), clumsy=True)
    rows = prepared(plain)
    assert rows.shape[0] == 20
    assert not np.array_equal(rows[0], rows[1])
    rng = np.random.default_rng(2)
    for _ in range(200):
        assert abs(len(misspelt("two bells", rng)) - len("two bells")) <= 1
        misspelt("a", rng)


def test_a_short_caption_fits_every_group_that_has_what_it_says() -> None:
    lessons_scenes = [scene_of(0, "train", index) for index in range(300)]
    texts, said = short_captions(lessons_scenes, np.random.default_rng(0), clumsy=False)
    assert said.any(axis=1).all()
    assert 0.75 < said[:, 0].mean() < 0.98
    shown = numbered(lessons_scenes)
    fits = fitting(said, shown, shown)
    assert fits.diagonal().all()
    for row in (0, 17, 250):
        names = [name for name, is_said in zip(SEEN, said[row], strict=True) if is_said]
        same = [all(getattr(one, n) == getattr(lessons_scenes[row], n) for n in names) for one in lessons_scenes]
        assert fits[row].tolist() == same, texts[row]


def test_learning_goes_on_from_earlier_weights(tmp_path: Path) -> None:
    recipe = Recipe(seed=5, groups=256, epochs=1, batch=64, rate=1e-9, validation_groups=50)
    shipped = Path(weights_file.__file__).parent / "weights"
    lines: list[str] = []
    note = train(tmp_path, recipe, 1, lines.append, shipped)
    assert note["went on from"] == json.loads((shipped / "training.json").read_text())
    assert note["validation"]["text->audio"]["recall@10"]["value"] > 0.95  # one idle epoch forgets nothing


def test_distortions_keep_shapes_and_nearly_everything() -> None:
    one = group(0, "train", 0)
    pictures = np.stack([prepare.picture(Picture(one.picture))[0].data] * 8)
    sounds = np.stack([prepare.sound(Sound(one.samples, RATE))[0].data] * 8)
    rng = np.random.default_rng(0)
    lit, moved = distorted_pictures(pictures, rng), distorted_sounds(sounds, rng)
    assert (lit.shape, lit.dtype) == (pictures.shape, pictures.dtype)
    assert (moved.shape, moved.dtype) == (sounds.shape, sounds.dtype)
    assert not np.array_equal(lit[0], lit[1])
    assert np.abs(lit.mean(axis=(1, 2, 3)) / pictures.mean(axis=(1, 2, 3)) - 1).max() < 0.16
    assert np.abs(moved.astype(float).mean(axis=(1, 2, 3)) - sounds.astype(float).mean(axis=(1, 2, 3))).max() < 0.5
