"""A plan says in words what was searched, and never calls exact what may miss."""

from __future__ import annotations

from hearsee.core.modality import Modality
from hearsee.search.plan import plan

COUNTS = {Modality.IMAGE: 300_000, Modality.AUDIO: 1}


def test_where_every_point_is_scored_the_search_is_exact() -> None:
    how = plan(COUNTS, None, 0)
    assert (how.exact, how.words) == (True, "exact search over 300,000 pictures and 1 sound")


def test_where_a_shard_may_miss_the_plan_says_so() -> None:
    how = plan(COUNTS, 12, 1, [Modality.IMAGE])
    assert not how.exact
    assert how.words == (
        "search at a proved recall over 300,000 pictures and 1 sound; the filter allows 12 of 300,001 items; "
        "leaving out the 1 asked with"
    )


def test_what_was_not_searched_does_not_count() -> None:
    assert plan({Modality.AUDIO: 1}, None, 0, [Modality.IMAGE]).exact
