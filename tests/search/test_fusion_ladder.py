"""The ladder tells which way to fuse wins, the library keeps it, and a search uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearsee.api.commands.stats import fused
from hearsee.api.main import run
from hearsee.core.errors import Damaged
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.mixes import Groups, Mix
from hearsee.indexer.choices import FILE, Choice, Choices, packed_choices, read_choices
from hearsee.indexer.library import Library
from hearsee.search import open_library
from hearsee.search.evaluate.groups import library_groups
from hearsee.search.evaluate.ladder import Ladder, answers_apart, climb, least_regretted, simplex
from hearsee.search.fusion import ChosenFusion, FixedFusion, MeanFusion, SlerpFusion, find_learned
from tests.search.shelf import Thing, fill, things

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT


def deaf_world(groups: int = 200) -> Groups:
    """Pictures and texts show the thing nearly; sounds are noise."""
    rng = np.random.default_rng(0)
    shown = unit(rng.standard_normal((groups, 16)))

    def near(spread: float) -> Vectors:
        return unit(shown + spread * rng.standard_normal((groups, 16)))

    def labels(mix: Mix, wanted: Modality) -> np.ndarray[tuple[int], np.dtype[np.int64]]:  # noqa: ARG001
        return np.arange(groups)

    asked = {IMAGE: near(0.1)[:, None], AUDIO: unit(rng.standard_normal((groups, 16)))[:, None]}
    return Groups(asked, {TEXT: near(0.1)}, labels, {}, apart=True)


@pytest.fixture(scope="module")
def deaf() -> Ladder:
    groups = deaf_world()
    return climb(groups, answers_apart(groups), None, sizes=(2,), corrupted=(0.0,))


def figure(ladder: Ladder, method: str) -> float:
    return next(rung.metrics["r@1"].value for rung in ladder.rungs if rung.method == method)


def test_a_part_that_is_noise_is_weighed_down(deaf: Ladder) -> None:
    assert figure(deaf, "best single") > 0.95
    assert figure(deaf, "fixed") > 0.95
    assert figure(deaf, "mean") < 0.9
    (choice,) = deaf.choices
    assert choice.method == "fixed"
    assert choice.fixed[IMAGE] > choice.fixed[AUDIO]


def test_every_rung_has_its_interval_and_the_late_ones_stand_beside(deaf: Ladder) -> None:
    methods = {rung.method for rung in deaf.rungs}
    assert methods == {"best single", "mean", "slerp", "fixed", "late, ranks", "late, scores"}
    for rung in deaf.rungs:
        row = rung.as_dict()
        assert {"mix", "wanted", "corrupted", "method", "queries", "r@1", "r@10"} == row.keys()
        assert row["r@1"]["low"] <= row["r@1"]["value"] <= row["r@1"]["high"]
        assert rung.queries == 100


def test_the_grid_of_weights_holds_the_equal_ones_and_each_part_alone() -> None:
    assert (0.5, 0.5) in simplex(2)
    assert {(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1 / 3, 1 / 3, 1 / 3)} <= set(simplex(3))
    assert all(sum(point) == pytest.approx(1) for point in simplex(3))


def answered(right: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(100) < right


def test_the_way_that_is_never_far_from_the_best_wins() -> None:
    """Fixed weights are best while nothing is made worse, attention nearly so; else attention is by far."""
    clean = {"mean": answered(80), "fixed": answered(93), "additive": answered(90)}
    assert least_regretted(
        {0.0: clean, 0.5: {"mean": answered(50), "fixed": answered(60), "additive": answered(85)}}
    ) == ("additive")
    assert least_regretted(
        {0.0: clean, 0.5: {"mean": answered(50), "fixed": answered(84), "additive": answered(85)}}
    ) == ("fixed")
    assert least_regretted({0.0: dict.fromkeys(clean, answered(90))}) == "mean"  # as good, and the plainest


def test_what_surely_loses_to_the_mean_on_unspoiled_questions_is_left_out() -> None:
    worse = {"mean": answered(50), "fixed": answered(55), "additive": answered(90)}
    assert least_regretted(
        {0.0: {"mean": answered(95), "fixed": answered(95), "additive": answered(80)}, 0.5: worse}
    ) == ("fixed")
    # One question of a hundred is chance.
    assert least_regretted(
        {0.0: {"mean": answered(95), "fixed": answered(95), "additive": answered(94)}, 0.5: worse}
    ) == ("additive")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("fusion") / "library", things(180))


def test_what_asks_is_never_its_own_answer(home: Path) -> None:
    with Library.open(home) as library:
        by_group = climb(*library_groups(library), None, corrupted=(0.0,))
        groups, answers = library_groups(library, ["colour"])
    assert {(rung.mix, rung.wanted) for rung in by_group.rungs} == {
        ("image+audio", "text"), ("image+text", "audio"), ("audio+text", "image")
    }  # fmt: skip
    found = climb(groups, answers, None, corrupted=(0.0,))
    row = next(rung for rung in found.rungs if (rung.mix, rung.wanted, rung.method) == ("image+text", "image", "mean"))
    # A third of all items has the right colour; the picture that asks, which would always come first, is left out.
    assert row.metrics["r@1"].value < 0.8


def test_a_search_uses_what_the_command_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--fusion", "--library", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["method"] for row in told["rows"]} >= {"best single", "mean", "fixed", "slerp"}
    assert "is kept" in told["kept"]
    kept = read_choices(home, hash_space().fingerprint)
    assert kept is not None
    assert {choice.as_dict()["mix"] for choice in kept.rows} == {"image+audio", "image+text", "audio+text"}
    with open_library(home) as searcher:
        assert isinstance(searcher.fusion, ChosenFusion)
        assert searcher.search(text="bell", like=1, wanted="audio", k=3).hits
    assert run(["stats", "--library", str(home)]) == 0
    assert "image+text" in capsys.readouterr().out


def test_many_mixes_are_counted_and_few_are_named() -> None:
    many = [{"mix": f"image+{n}", "wanted": "audio", "method": "additive"} for n in range(6)]
    few = [{"mix": "image+text", "wanted": wanted, "method": "fixed"} for wanted in ("audio", "text")]
    assert fused(many + few) == [
        "additive: 6 mixes (--json names them)",
        "fixed: image+text for audio, image+text for text",
    ]


def choices(*rows: Choice) -> Choices:
    return Choices(hash_space().fingerprint, 1, rows)


def test_each_mix_is_fused_by_its_winner_and_a_new_one_as_its_best_known_part() -> None:
    two = Choice((IMAGE, TEXT), AUDIO, "slerp", {IMAGE: 0.3, TEXT: 0.7}, {"fixed": 0.6})
    other = Choice((AUDIO, TEXT), AUDIO, "mean", {AUDIO: 0.9, TEXT: 0.1}, {"fixed": 0.8})
    lost = Choice((IMAGE, AUDIO), AUDIO, "additive", {IMAGE: 0.2, AUDIO: 0.8}, {"fixed": 0.1})
    fusion = ChosenFusion(choices(two, other, lost), None)
    assert isinstance(fusion.blend([TEXT, IMAGE], AUDIO), SlerpFusion)
    assert isinstance(fusion.blend([TEXT, IMAGE], TEXT), MeanFusion)  # never measured for texts
    assert fusion.blend([IMAGE, AUDIO, TEXT], AUDIO) == FixedFusion(other.fixed)  # the better of two known pairs
    assert fusion.blend([IMAGE, IMAGE, TEXT], AUDIO) == FixedFusion(two.fixed)
    # What won was learned, and its weights are gone: its own fixed weights.
    assert fusion.blend([IMAGE, AUDIO], AUDIO) == FixedFusion(lost.fixed)


def test_choices_come_back_from_their_file_and_only_for_their_space(tmp_path: Path) -> None:
    written = choices(Choice((IMAGE, TEXT), AUDIO, "fixed", {IMAGE: 0.3, TEXT: 0.7}, {"mean": 0.5, "fixed": 0.6}))
    (tmp_path / FILE).write_bytes(packed_choices(written))
    assert read_choices(tmp_path, written.space) == written
    assert read_choices(tmp_path, "another space") is None
    (tmp_path / FILE).write_text('{"format": 1}')
    with pytest.raises(Damaged, match="measure again"):
        read_choices(tmp_path, written.space)


def test_a_library_without_groups_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = [Thing(f"test:{at}", IMAGE, thing.vectors) for at, thing in enumerate(things(5))]
    fill(tmp_path / "library", alone)
    assert run(["eval", "--fusion", "--library", str(tmp_path / "library")]) == 1
    assert "group" in capsys.readouterr().err


def test_a_library_learns_whom_to_trust_from_its_own_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = fill(tmp_path / "library", things(240))
    assert run(["align", "fusion", "--library", str(home), "--steps", "20", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weights"] == str(home / "fusion.safetensors")
    with Library.open(home) as library:
        learned = find_learned(home, library.space)
        assert learned is not None
        assert learned.weights.keys() == {"additive", "dot", "early"}
        found = climb(*library_groups(library), learned, corrupted=(0.5,))
    assert {"additive", "dot", "early"} <= {rung.method for rung in found.rungs}
    assert run(["verify", "--library", str(home)]) == 0  # what was learned is no orphan
