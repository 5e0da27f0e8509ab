"""Ranking by words, worked by hand, and its merging with a ranking by vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hearsee.indexer.catalog import phrases_in
from hearsee.search.lexical import DEPTH, Wording, merged, ranked

RED, OWL = (np.array(ids, np.int64) for ids in ([1, 2, 3, 4], [3, 9]))


def test_rare_words_count_more_and_equals_share_their_place() -> None:
    """4 of 20 items hold img 1 and 2 hold img 2: 3 holds both, 9 the rarer; 1, 2 and 4 share the places 3, 4 and 5."""
    wording = ranked(phrases_in("img_1 img_2"), [RED, OWL], 20)
    assert wording.places == {3: 1.0, 9: 2.0, 1: 4.0, 2: 4.0, 4: 4.0}
    assert wording.held == {3: ("img 1", "img 2"), 9: ("img 2",), 1: ("img 1",), 2: ("img 1",), 4: ("img 1",)}


def test_plain_words_must_nearly_all_be_there() -> None:
    """log(1 + 16.5 / 4.5) and log(1 + 18.5 / 2.5): holding owl alone is 0.58 of both."""
    assert ranked(phrases_in("red owl"), [RED, OWL], 20).places == {3: 1.0}
    assert ranked(phrases_in("owl"), [OWL], 20).places == {3: 1.5, 9: 1.5}
    nearly = ranked(phrases_in("the owl"), [np.arange(1, 20), OWL], 20).places
    assert nearly == {3: 1.5, 9: 1.5}  # both hold "the" as well


def test_a_name_counts_in_any_sentence() -> None:
    """However much else is said; a number that many items hold is none."""
    three = [RED, OWL, np.array([7], np.int64)]
    assert ranked(phrases_in("red owl IMG_2041"), three, 20).places == {7: 1.0}
    many = [OWL, np.arange(1, 10), np.array([7], np.int64)]
    assert ranked(phrases_in("owl 4 7731"), many, 20).places == {7: 1.0}


def test_what_is_not_allowed_takes_no_place() -> None:
    wording = ranked(phrases_in("img_1 img_2"), [RED, OWL], 20, np.array([2, 9]))
    assert wording.places == {9: 1.0, 2: 2.0}
    assert ranked(phrases_in("img_1 img_2"), [RED, OWL], 20, None, frozenset([3, 9])).places == {1: 2.0, 2: 2.0, 4: 2.0}
    assert ranked(phrases_in("red"), [RED], 20, np.empty(0, np.int64)).places == {}


def test_a_word_that_many_hold_says_nothing() -> None:
    many = np.arange(1, 3 * DEPTH)
    assert ranked(phrases_in("the"), [many], 10_000).places == {}
    assert ranked(phrases_in("the owl"), [many, np.array([5])], 10_000).places == {5: 1.0}


def test_two_rankings_become_one() -> None:
    near = [(0.9, 1, 11), (0.8, 2, 12), (0.7, 3, 13)]
    beside = [(0.1, 7, 17)]
    wording = Wording({7: 1.0, 3: 2.0})
    order = merged(near, beside, wording)
    worth = {1: 1 / 61, 2: 1 / 62, 3: 1 / 63 + 1 / 62, 7: 1 / 64 + 1 / 61}
    assert [item for _, item, _ in order] == sorted(worth, key=lambda item: -worth[item]) == [7, 3, 1, 2]
    assert order[0] == (0.1, 7, 17)  # cosines stay what they are
    assert merged(near, [], Wording()) == near


@pytest.mark.parametrize("depth", [1, 10, 500])
def test_the_one_item_with_an_exact_name_comes_first(depth: int) -> None:
    """However deep the list by vectors is that knows nothing of it."""
    near = [(1 - n / 1000, n, n) for n in range(1, depth + 1)]
    assert merged(near, [(-0.5, 999, 999)], Wording({999: 1.0}))[0][1] == 999
    assert math.isclose(sum(score for score, _, _ in near), sum(score for score, _, _ in merged(near, [], Wording())))
