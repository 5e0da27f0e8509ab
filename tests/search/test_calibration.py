"""Calibrating real libraries whose truth is known, and the answers that follow."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.calibration.evidence import Background, background
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.pair import DEPTH, Presence
from hearsee.search.calibration.population import Questions
from hearsee.search.calibration.presence import Askers, lives_of
from hearsee.search.calibration.stored import NAME, Calibration, read_calibration, save_calibration
from hearsee.search.evaluate.ranks import NONE, ItemPoints
from hearsee.search.fusion import EncodedPart
from tests.search.shelf import Thing, fill
from tests.search.worlds import clustered, clustered_library

IMAGE, AUDIO, TEXT = Modality
GROUPS = 160
SIX = {f"{a}->{b}" for a in Modality for b in Modality if a is not b}
MIXES = {"image+audio->text", "image+text->audio", "audio+text->image"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clustered_library(tmp_path_factory.mktemp("world") / "library", GROUPS)


@pytest.fixture(scope="module")
def calibration(folder: Path) -> Calibration:
    with open_library(folder) as opened:
        return calibrate(opened)


@pytest.fixture
def searcher(folder: Path, calibration: Calibration) -> Iterator[Searcher]:
    keep(folder, calibration)
    with open_library(folder) as opened:
        yield opened


def keep(folder: Path, calibration: Calibration) -> None:
    with Writer.open(folder, space=hash_space()) as writer:
        save_calibration(writer, calibration)


def test_every_pair_with_answers_is_fitted_and_holds_on_what_was_held_out(calibration: Calibration) -> None:
    assert set(calibration.pairs) == SIX | MIXES  # each group has one item of each kind: none asks for its own kind
    for pair in calibration.pairs.values():
        assert pair.questions == GROUPS
        assert pair.hits == 2 * DEPTH * GROUPS
        assert pair.error < 0.03
        assert pair.lost < 0.12
        assert pair.told >= pair.lost
    assert calibration.items == {"image": GROUPS, "audio": GROUPS, "text": GROUPS}
    assert set(calibration.relevant_by.values()) == {"group"}


def test_chances_come_true_on_questions_that_were_never_seen(searcher: Searcher) -> None:
    """Fresh views of the library's directions ask for pictures; so do directions that it does not hold."""
    shelf = {thing.uri: thing for thing in clustered(GROUPS)}
    rng = np.random.default_rng(9)
    said, true = [], []
    chances = searcher._chances
    snapshot = searcher.library.snapshot()
    for number in range(GROUPS):
        held = number % 2 == 0
        base = shelf[f"test:text-{number}"].vectors[0] if held else clustered(1, seed=1000 + number)[2].vectors[0]
        row = base + 0.05 * rng.standard_normal(base.shape).astype(np.float32)
        row = (row / np.linalg.norm(row)).astype(np.float32)
        scale = chances.scales(
            snapshot, [EncodedPart(TEXT, 1.0, False, row)], {IMAGE: row[None]}, searcher.fusion
        ).by_modality
        assert scale is not None
        hits = searcher.nearest(row[None], wanted="image", k=DEPTH)[0]
        said += scale[IMAGE].chances([hit.score for hit in hits])
        true += [held and hit.item.group == f"group {number:05d}" for hit in hits]
    assert abs(np.mean(said) - np.mean(true)) < 0.03
    likely = np.array(said) > np.quantile(said, 0.95)
    assert np.mean(np.array(true)[likely]) > 5 * np.mean(true)


def test_hits_of_one_kind_keep_their_order_and_chances_fall_along_it(searcher: Searcher) -> None:
    before = searcher.search(like="test:text-3", wanted="image", k=GROUPS)
    assert [hit.score for hit in before.hits] == sorted((hit.score for hit in before.hits), reverse=True)
    chances = [hit.chance for hit in before.hits]
    assert all(chance is not None and 0 < chance < 1 for chance in chances)
    assert chances == sorted(chances, key=lambda chance: -(chance or 0))
    assert before.calibration.calibrated
    assert not before.calibration.stale


def test_a_mixed_list_goes_by_chance_where_cosine_would_not(searcher: Searcher) -> None:
    """Texts crowd together: by cosine a text asks for texts only, whatever is relevant."""
    answer = searcher.search(like="test:text-3", wanted="image,audio", k=50)
    chances = [hit.chance or 0 for hit in answer.hits]
    assert chances == sorted(chances, reverse=True)
    scores = [hit.score for hit in answer.hits]
    assert scores != sorted(scores, reverse=True)
    for modality in (IMAGE, AUDIO):  # within a kind nothing is reordered
        mine = [hit.score for hit in answer.hits if hit.item.modality is modality]
        assert mine == sorted(mine, reverse=True)
    asked_with_two = searcher.search(like=["test:image-3", "test:audio-3"], wanted="text", k=5)
    assert asked_with_two.calibration.calibrated
    assert "group 00003" in {hit.item.group for hit in asked_with_two.hits}


def test_least_chance_cuts_the_list_and_may_leave_nothing(searcher: Searcher) -> None:
    whole = searcher.search(like="test:text-3", wanted="image,audio", k=50)
    least = sorted(hit.chance or 0 for hit in whole.hits)[-7]
    some = searcher.search(like="test:text-3", wanted="image,audio", k=50, min_chance=least)
    assert [hit.item.uri for hit in some.hits] == [hit.item.uri for hit in whole.hits if (hit.chance or 0) >= least]
    assert some.nothing_close is False
    none = searcher.search(like="test:text-3", wanted="image,audio", min_chance=1)
    assert (none.hits, none.nothing_close) == ([], True)


def test_what_the_library_does_not_hold_is_told_so_more_often(searcher: Searcher) -> None:
    held = [searcher.search(like=f"test:text-{n}", wanted="image").nothing_close for n in range(100)]
    assert np.mean([bool(told) for told in held]) < 0.12
    # A direction without anything near it: against the whole crowd.
    crowd = background(searcher.library.snapshot(), IMAGE)
    assert crowd is not None
    assert crowd.level(crowd.rows[:2])[1].min() > 0


def test_without_calibration_it_is_by_cosine_and_says_so(tmp_path: Path) -> None:
    with open_library(clustered_library(tmp_path / "library", 30)) as opened:
        answer = opened.search(like="test:text-3", wanted="image,audio")
        assert not answer.calibration.calibrated
        assert answer.calibration.words.startswith("not calibrated: run `hearsee calibrate`")
        assert answer.nothing_close is None
        assert {hit.chance for hit in answer.hits} == {None}
        scores = [hit.score for hit in answer.hits]
        assert scores == sorted(scores, reverse=True)
        with pytest.raises(BadInput, match=r"min_chance needs chances.*not calibrated"):
            opened.search(like="test:text-3", min_chance=0.5)
        with pytest.raises(BadInput, match="fewer than 50 groups"):
            calibrate(opened)
        with pytest.raises(BadInput, match="limit is 3"):
            calibrate(opened, limit=3)


@pytest.mark.parametrize("chance", [-0.1, 1.1, float("nan"), float("inf"), True, "0.5"])
def test_a_chance_that_is_none_is_refused(searcher: Searcher, chance: object) -> None:
    with pytest.raises(BadInput, match=r"min_chance is .*: it must be a number from 0 to 1"):
        searcher.search(text="bell", wanted="image", min_chance=chance)  # type: ignore[arg-type]


def test_a_pair_that_was_not_fitted_leaves_the_whole_list_by_cosine(searcher: Searcher) -> None:
    answer = searcher.search(like="test:image-3", wanted="image,audio")
    assert answer.calibration.words == "not calibrated: there was too little to fit image->image on"
    assert {hit.chance for hit in answer.hits} == {None}


def test_what_chances_are_rough_for_is_said(searcher: Searcher) -> None:
    rough = searcher.search(like="test:text-3", edit="rain", wanted="image")
    assert "chances of this query are rough" in rough.calibration.words
    assert rough.hits[0].chance is not None


def test_where_something_is_steered_away_nothing_is_called_likely_or_far(searcher: Searcher) -> None:
    """Cosines of steered targets are lower than all that a curve was fitted on."""
    steered = searcher.search(like="test:text-3", without={"like": "test:image-7"}, wanted="image,audio")
    assert not steered.calibration.calibrated
    assert steered.calibration.words == "not calibrated: there are no chances where something is steered away"
    assert steered.nothing_close is None
    assert {hit.chance for hit in steered.hits} == {None}
    scores = [hit.score for hit in steered.hits]
    assert scores == sorted(scores, reverse=True)
    with pytest.raises(BadInput, match=r"min_chance needs chances.*steered away"):
        searcher.search(like="test:text-3", without={"like": "test:image-7"}, wanted="image", min_chance=0.5)


def test_it_is_seen_at_once_when_written_and_stale_when_the_library_has_grown(tmp_path: Path) -> None:
    folder = clustered_library(tmp_path / "library", 60)
    with open_library(folder) as opened:
        assert not opened.search(like="test:text-3", wanted="image").calibration.calibrated
        keep(folder, calibrate(opened))
        assert opened.search(like="test:text-3", wanted="image").calibration.words == "calibrated at generation 1"
        more = [dataclasses.replace(thing, uri=f"{thing.uri}b", group=None) for thing in clustered(10, seed=5)]
        with Writer.open(folder, space=hash_space()) as writer:
            writer.commit(Batch([thing.add() for thing in more]))
        stale = opened.search(like="test:text-3", wanted="image").calibration
        assert stale.calibrated
        assert stale.stale
        assert "60 image items then, 70 now: run `hearsee calibrate` again" in stale.words


@pytest.mark.parametrize("change", ["cut", "bytes", "format", "absent"])
def test_a_damaged_calibration_is_none(
    folder: Path, calibration: Calibration, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    keep(folder, calibration)
    path = folder / NAME
    raw = path.read_bytes()
    document = json.loads(raw)
    document["format"] = 1
    other = {
        "cut": raw[:-10],
        "bytes": raw.replace(b'"seed": 0', b'"seed":  0'),
        "format": (json.dumps(document, sort_keys=True) + "\n").encode(),
        "absent": None,
    }[change]
    path.unlink() if other is None else path.write_bytes(other)
    with caplog.at_level(logging.WARNING), open_library(folder) as opened:
        assert not opened.search(like="test:text-3", wanted="image").calibration.calibrated
    assert ("run `hearsee calibrate` again" in caplog.text) == (change != "absent")


def test_one_of_another_library_or_space_is_not_used(folder: Path, calibration: Calibration) -> None:
    others = {
        "another space": dataclasses.replace(calibration, space_fingerprint="0" * 32),
        "another library": dataclasses.replace(calibration, library_id="0" * 32),
    }
    for said, other in others.items():
        keep(folder, other)
        with open_library(folder) as opened:
            assert said in opened.search(like="test:text-3", wanted="image").calibration.words


def test_a_mix_fused_in_another_way_is_not_calibrated(folder: Path, calibration: Calibration) -> None:
    keep(folder, dataclasses.replace(calibration, fusion="Other"))
    with open_library(folder) as opened:
        mixed = opened.search(like=["test:image-3", "test:text-3"], wanted="audio").calibration
        assert "fused in another way since" in mixed.words
        assert opened.search(like="test:text-3", wanted="image").calibration.calibrated


def test_what_was_written_is_read_again(folder: Path, calibration: Calibration) -> None:
    keep(folder, calibration)
    assert read_calibration(folder) == calibration
    assert calibrate_again(folder) == calibration  # the same seed, the same chances


def calibrate_again(folder: Path) -> Calibration:
    with open_library(folder) as opened:
        return calibrate(opened)


def test_metadata_may_say_what_is_relevant(folder: Path) -> None:
    with open_library(folder) as opened:
        found = calibrate(opened, relevant_by={"text -> image": ["number"], "image->image": ["kind"]}, limit=60)
        assert found.relevant_by["text->image"] == "number"
        assert found.relevant_by["image->image"] == "kind"
        assert found.relevant_by["text->audio"] == "group"
        assert found.pairs["text->image"].questions == 60
        with pytest.raises(BadInput, match="a list of metadata keys"):
            calibrate(opened, relevant_by="kind")


def test_pairs_may_say_what_is_relevant(folder: Path) -> None:
    pairs = [(f"test:text-{n}", f"test:image-{n}") for n in range(100)]
    pairs += [(f"test:image-{n}", f"test:audio-{n}") for n in range(60)]
    with open_library(folder) as opened:
        found = calibrate(opened, pairs=pairs)
        assert found.pairs["text->image"].questions == 100
        assert found.pairs["text->audio"].questions == 60  # by way of the picture
        assert set(found.relevant_by.values()) == {"pair"}
        with pytest.raises(NotFound, match="the pairs name 'test:nowhere'"):
            calibrate(opened, pairs=[("test:text-1", "test:nowhere")])
        with pytest.raises(BadInput, match="give one of them"):
            calibrate(opened, pairs=pairs, relevant_by=["kind"])


def test_the_background_leaves_out_what_was_removed(tmp_path: Path) -> None:
    shelf = clustered(40)
    folder = fill(tmp_path / "library", shelf[:60], shelf[60:])
    gone = [thing.uri for thing in shelf if thing.modality is IMAGE][:30]
    with Writer.open(folder, space=hash_space()) as writer:
        writer.remove(gone)
    with open_library(folder) as opened:
        snapshot = opened.library.snapshot()
        behind = background(snapshot, IMAGE)
        assert behind is not None
        left = np.concatenate([t.vectors for t in shelf if t.modality is IMAGE and t.uri not in gone])
        assert {row.tobytes() for row in np.round(behind.rows, 3)} == {
            row.tobytes() for row in np.round(left / np.linalg.norm(left, axis=1, keepdims=True), 3).astype(np.float32)
        }
        assert background(snapshot, IMAGE, most=4).rows.shape == (4, 16)  # type: ignore[union-attr]


def shown_twice(kinds: int, each: int, seed: int) -> list[Thing]:
    """Things of a kind look alike; pictures and sounds agree on it only roughly."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((kinds, 16))
    shelf = []
    for number in range(kinds * each):
        for modality, noise in ((IMAGE, 0.2), (AUDIO, 0.9)):
            row = unit((centres[number % kinds] + noise * rng.standard_normal(16))[None])
            stored = row.astype(np.float16).astype(np.float32)
            about = {"kind": number % kinds}
            shelf.append(Thing(f"test:{modality}-{seed}-{number}", modality, stored, about, f"{seed} {number}"))
    return shelf


def test_what_is_absent_is_told_by_how_well_its_like_is_known(tmp_path: Path) -> None:
    """Sounds of other kinds come as near as the right ones do, but no picture of the library is like the question."""
    folder = fill(tmp_path / "library", [thing for thing in shown_twice(40, 6, seed=1) if thing.metadata["kind"] < 30])
    with open_library(folder) as opened:
        keep(folder, calibrate(opened, relevant_by=["kind"]))
        presence = opened._chances.calibration().pairs["image->audio"].presence  # type: ignore[union-attr]
        assert presence.known > 0
        said: dict[bool, list[bool]] = {True: [], False: []}
        for thing in shown_twice(40, 6, seed=2):
            if thing.modality is IMAGE:
                part = EncodedPart(IMAGE, 1.0, False, thing.vectors[0])
                target = {AUDIO: thing.vectors}
                scales = opened._chances.scales(opened.library.snapshot(), [part], target, opened.fusion).by_modality
                assert scales is not None
                best = opened.nearest(thing.vectors, wanted="audio", k=1)[0][0].score
                said[thing.metadata["kind"] < 30].append(not scales[AUDIO].close(best))
    assert np.mean(said[True]) < 0.1
    assert np.mean(said[False]) > 0.7


def test_a_question_lives_without_its_group_without_what_is_right_and_without_its_like() -> None:
    """Worked by hand: three pictures ask for three sounds; the first two are of one kind, the groups are pairs."""
    rows = np.eye(4, dtype=np.float32)
    pictures = unit(rows[:3] + 0.5 * rows[[1, 0, 3]])
    sounds = ItemPoints(np.arange(10, 13), np.arange(3), rows[:3])
    kinds, groups, none = np.array([0, 0, 1]), np.array([7, 8, 9]), np.full((3, 1), NONE)
    behind = Background(rows[:3], np.arange(10, 13))
    askers = Askers(pictures, np.arange(3), Background(pictures, np.arange(3)), kinds, groups)
    lives = lives_of(Questions(pictures, kinds, none, groups), [askers], sounds, kinds, groups, behind)
    far = 1 / 5**0.5  # its own sound lies at twice that
    # Without its own group the first finds the second's sound, and the other way round; the third finds nothing right.
    assert lives.there.tolist() == [True, True, False, False, False, False, False, False]
    np.testing.assert_allclose(lives.scores, [far, far, 0, 0, 0, 0, 0, 0], atol=1e-6)
    alike = float(pictures[0] @ pictures[1])
    np.testing.assert_allclose(lives.known, [alike, alike, alike, alike, 0, 0, 0, 0], atol=1e-6)
    # What the first two find is the sound of the other, of which the other's picture, at twice the cosine, may ask.
    np.testing.assert_allclose(lives.taken[:2], [2 * far, 2 * far], atol=1e-6)


def test_presence_never_counts_a_better_hit_for_less() -> None:
    for weights in ((-1, 1, 1, 1), (1, -1, 1, 1), (0, 0, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)):
        with pytest.raises(ValueError, match="weights of presence"):
            Presence(*weights, floor=0, usual=(0, 0))
    presence = Presence(2, 1, 3, 5, floor=4, usual=(0.5, 0.3))
    for near, (known, taken) in (((None, None), (0.5, 0.3)), ((0.9, 0.7), (0.9, 0.7))):
        slope, offset = presence.line(0.1, 0.2, *near)
        assert slope * 0.6 + offset == pytest.approx(2 * 0.6 + (0.6 - 0.1) / 0.2 + 3 * known - 5 * taken - 4)
