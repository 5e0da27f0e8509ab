"""Chances of names: what they are fitted on, whether they come true, and a file of them that is old or damaged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import unit
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.calibration.naming import NAME, Naming, clues, read_naming, save_naming
from hearsee.search.calibration.naming_fit import MOST_NAMES, ask, fit_kind, fit_names
from hearsee.search.calibration.reliability import calibration_error
from hearsee.search.label import TEMPLATES, directions, label
from hearsee.search.parts import PartEncoder
from tests.search.shelf import Thing, fill
from tests.search.shelf import directions as random_rows

IMAGE, AUDIO, TEXT = Modality
NAMES = ["Ape", "bell", "cow", "drum", "eel", "fox", "gong", "hen"]
EACH = 12


def shown(searcher: Searcher, modality: Modality, noise: float, seed: int) -> list[Thing]:
    """Items near the direction of their own name, some of which write it in other cases."""
    rng = np.random.default_rng(seed)
    rows = directions(PartEncoder(searcher.space, searcher.settings.limits), NAMES, TEMPLATES[modality])
    own = np.repeat(np.arange(len(NAMES)), EACH)
    near = unit(rows[own] + noise * random_rows(rng, len(own)))
    return [
        Thing(
            f"test:{modality}{n}",
            modality,
            near[n : n + 1],
            {"a": {"thing": NAMES[at].upper() if n % 2 else NAMES[at]}},
        )
        for n, at in enumerate(own)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that show what they are called, and too few sounds."""
    home = tmp_path_factory.mktemp("names") / "library"
    fill(home, [Thing("test:none", IMAGE, random_rows(np.random.default_rng(0), 1), {"a": {"thing": 3}})])
    with open_library(home) as opened:
        made = [*shown(opened, IMAGE, 0.6, 1), *shown(opened, AUDIO, 0.6, 2)[: 2 * EACH]]
    return fill(home, made)


@pytest.fixture(scope="module")
def naming(folder: Path) -> Naming:
    with open_library(folder) as opened:
        return fit_names(opened, "a.thing")


@pytest.fixture
def searcher(folder: Path, naming: Naming) -> Iterator[Searcher]:
    keep(folder, naming)
    with open_library(folder) as opened:
        yield opened


def keep(folder: Path, naming: Naming) -> None:
    with Writer.open(folder, space=hash_space()) as writer:
        save_naming(writer, naming)


def test_clues_are_those_worked_by_hand() -> None:
    """Of names 0.3, 0.1 and -inf, which is not listed; of 0.2 thrice: odds of one to two."""
    found = clues(np.array([[0.1, 0.3, -np.inf], [0.2, 0.2, 0.2]]))
    np.testing.assert_allclose(found, [[0.3, 0.2, 20], [0.2, 0, -np.log(2)]], atol=1e-9)


def test_every_item_is_asked_with_its_name_and_without() -> None:
    rng = np.random.default_rng(0)
    own = rng.integers(0, 9, 40)
    cosines = np.where(np.arange(9) == own[:, None], 0.9, rng.uniform(0, 0.1, (40, 9)))
    asked = ask(cosines, own, rng)
    np.testing.assert_array_equal(asked.truth, asked.clues[:, 0] > 0.5)  # the own name is best wherever it is listed
    assert asked.truth.mean() == 0.5
    assert np.isfinite(asked.clues).all()  # so every list holds two names
    np.testing.assert_array_equal(asked.own[:40], own)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_chances_come_true_for_names_never_seen(noise: float) -> None:
    """Fitted on twenty names and asked about twenty others."""
    rng = np.random.default_rng(3)
    own = np.tile(np.arange(40), 30)
    cosines = 0.2 * (np.arange(40) == own[:, None]) + noise * rng.standard_normal((len(own), 40))
    known = own < 20
    fitted = fit_kind(cosines[known], own[known], ("{}",), rng)
    assert fitted is not None
    fresh = ask(cosines[~known], own[~known], rng)
    chances = fitted.curve(fresh.clues @ np.array(fitted.weights))
    assert calibration_error(chances, fresh.truth) < 0.05
    assert fitted.error < 0.05
    assert sum(one.hits for one in fitted.table) == len(own[known]) * 8


def test_what_tells_nothing_has_one_chance() -> None:
    rng = np.random.default_rng(4)
    own = np.tile(np.arange(10), 40)
    known, fresh = (unit(rng.standard_normal((400, 10))) for _ in range(2))
    fitted = fit_kind(known, own, ("{}",), rng)
    assert fitted is not None
    chances = fitted.chances(fresh)
    assert chances.max() < 0.4  # about one list in six was right
    assert fitted.error < 0.05


def test_the_best_name_has_a_chance_and_no_other(searcher: Searcher) -> None:
    found = label(searcher, [*NAMES, "ibis"], top=3)
    pictures = [one for one in found.items if one.item.modality is IMAGE]
    right = [one.names[0].name.casefold() == str(one.item.metadata["a"]["thing"]).casefold() for one in pictures]
    chances = np.array([one.names[0].chance for one in pictures], np.float64)
    assert np.mean(right) > 0.9
    assert np.median(chances[np.array(right)]) > 0.9
    assert all(name.chance is None for one in pictures for name in one.names[1:])
    assert "calibrated on 8 names of a.thing at generation" in found.standing
    assert "rough, for 9 names are asked" in found.standing
    assert found.standing.endswith("not calibrated for audio")  # there are too few sounds


def test_what_is_not_on_the_list_has_a_low_chance(searcher: Searcher) -> None:
    asked, others = label(searcher, NAMES[:4], wanted=(IMAGE,)), {name.casefold() for name in NAMES[4:]}
    chances = [one.names[0].chance for one in asked.items if str(one.item.metadata["a"]["thing"]).casefold() in others]
    assert len(chances) == 4 * EACH
    assert np.median(np.array(chances, np.float64)) < 0.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"space_fingerprint": "other"},
            "names were fitted in another space; run `hearsee calibrate --names KEY` again",
        ),
        ({"library_id": "other"}, "names were fitted in another library"),
        ({"kinds": {}}, "too few items have a.thing"),
    ],
)
def test_what_was_fitted_elsewhere_is_passed_over(
    folder: Path, naming: Naming, wrong: dict[str, Any], said: str
) -> None:
    keep(folder, replace(naming, **wrong))
    with open_library(folder) as opened:
        found = label(opened, NAMES)
        assert said in found.standing
        assert all(one.names[0].chance is None for one in found.items)


def test_other_templates_have_no_chances(searcher: Searcher) -> None:
    found = label(searcher, NAMES, templates=["look, {}"])
    assert "fitted on a.thing with other templates" in found.standing
    assert all(one.names[0].chance is None for one in found.items)


def garbled(raw: bytes) -> dict[str, bytes]:
    document = json.loads(raw)
    image = document["kinds"]["image"]

    def but(**changed: Any) -> bytes:
        return (json.dumps(document | changed, sort_keys=True) + "\n").encode()

    return {
        "empty": b"", "half": raw[: len(raw) // 2], "old": but(format=0), "list": b"[1]\n", "deep": b"[" * 100_000,
        "kinds": but(kinds=[1]), "words": but(kinds={"image": image | {"weights": ["a", "b", "c"]}}),
        "nan": but(kinds={"image": image | {"weights": [float("nan"), 1.0, 1.0]}}), "more": but(new=1),
        "falling": but(kinds={"image": image | {"curve": {"knots": [0.0, 1.0], "chances": [1.0, 0.0]}}}),
        "spaces": raw + b" ", "long": b" " * (2 << 20), "bytes": b"\xff\xfe",
    }  # fmt: skip


def test_a_damaged_file_is_as_good_as_none(
    folder: Path, naming: Naming, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Naming.parse(naming.raw) == naming
    for what, raw in garbled(naming.raw).items():
        (tmp_path / NAME).write_bytes(raw)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            assert read_naming(tmp_path) is None, what
        assert "run `hearsee calibrate --names KEY` again" in caplog.text, what
    assert read_naming(tmp_path / "nowhere") is None
    (folder / NAME).write_bytes(b"{}")
    with open_library(folder) as opened:
        assert label(opened, NAMES).standing.startswith("not calibrated: `hearsee calibrate --names KEY`")


def test_too_little_to_fit_on_is_told(folder: Path) -> None:
    with open_library(folder) as opened, pytest.raises(BadInput, match="words under the metadata key 'colour'"):
        fit_names(opened, "colour")


def test_a_key_that_is_never_the_same_is_drawn_from(tmp_path: Path) -> None:
    """A title of its own for every picture: some are drawn, and chances are few for vectors that say nothing."""
    rows = random_rows(np.random.default_rng(0), 700)
    home = fill(tmp_path / "library", [Thing(f"test:{n}", IMAGE, rows[n : n + 1], {"t": f"x{n}"}) for n in range(700)])
    with open_library(home) as opened:
        found = fit_names(opened, "t").kinds["image"]
    assert (found.items, found.names) == (MOST_NAMES, MOST_NAMES)
    assert found.right < 0.05
