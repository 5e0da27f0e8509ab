"""Heads found at once: the ridge is chosen by the groups learned from, and what is known without pairs helps."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.indexer.align.data import Table, split
from hearsee.indexer.align.first import RIDGES, chosen_ridge, first_heads
from hearsee.indexer.align.recall import answers, mean_recall, projected
from tests.indexer.pairs import HIDDEN, view, views


def worth(train: Table, held: Table, ridge: float, anchors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] | None = None) -> float:  # fmt: skip # noqa: E501
    return mean_recall(answers(projected(first_heads(train, 8, ridge, anchors), held), held))


def test_the_chosen_ridge_is_near_the_best_on_groups_never_seen() -> None:
    given = split(views(150, noise=0.4))
    ridge = chosen_ridge(given.train, 8)
    assert ridge in RIDGES
    found = {one: worth(given.train, given.held, one) for one in RIDGES}
    assert found[ridge] >= max(found.values()) - 0.05
    assert chosen_ridge(given.train, 8) == ridge  # nothing is left to chance


def test_three_modalities_of_which_one_is_rare_have_a_ridge_too() -> None:
    table = views(60, sounds=True)
    few = table.groups["audio"] < 6  # so few that a fold may hold none, or all that there are
    thin = Table(
        {**table.vectors, "audio": table.vectors["audio"][few]}, {**table.groups, "audio": table.groups["audio"][few]},
        {**table.items, "audio": table.items["audio"][few]},
    )  # fmt: skip
    assert chosen_ridge(thin, 8) in RIDGES


def test_anchors_say_what_too_few_pairs_cannot() -> None:
    given = split(views(120, noise=0.3))
    few = given.train.only(given.train.known[:6])
    things = np.random.default_rng(5).standard_normal((400, HIDDEN)).astype(np.float32)
    # Other things, as another kind of input would lie in either tower's space: somewhere else as a whole.
    anchors = {"image": view(things, 24, 0.3, 0) + 0.5, "text": view(things, 20, 0.3, 1) - 0.5}
    assert worth(few, given.held, 1.0, anchors) > worth(few, given.held, 1.0) + 0.05
    shuffled = {**anchors, "text": np.roll(anchors["text"], 1, axis=0)}
    assert worth(few, given.held, 1.0, shuffled) < worth(few, given.held, 1.0, anchors) - 0.05
    alone = {"text": anchors["text"]}  # of one modality: nothing to say
    assert worth(few, given.held, 1.0, alone) == worth(few, given.held, 1.0)


def test_anchors_that_do_not_fit_are_refused() -> None:
    table = views(40)
    rows = {"image": np.ones((5, 24), np.float32), "text": np.ones((4, 20), np.float32)}
    with pytest.raises(BadInput, match="anchors of 4 and 5 rows"):
        first_heads(table, 8, 1.0, rows)
    with pytest.raises(BadInput, match="image anchors of 7 numbers and vectors of 24"):
        first_heads(table, 8, 1.0, {"image": np.ones((4, 7), np.float32), "text": rows["text"]})
