"""Which heads are live, on both databases: named by the transaction that switches, forgotten only when they are not."""

from __future__ import annotations

import pytest

from hearsee.core.errors import BadInput
from hearsee.indexer.catalog import Catalog, Change, Live, NewHeads


def heads(name: str) -> NewHeads:
    return NewHeads(name, f"space {name}", f"heads/{name}", "00", 1, "{}")


def test_the_live_heads_are_those_of_the_last_switch(catalog: Catalog) -> None:
    assert (catalog.heads(), catalog.view().heads, catalog.info().heads) == ((), None, None)
    catalog.commit(Change(heads=[heads("a"), heads("own")], live=Live(fresh=0, before_fresh=1)))
    ids = {row.name: row.id for row in catalog.heads()}
    live = catalog.view().heads
    assert live is not None
    assert (live.name, live.space_fingerprint, live.generation) == ("a", "space a", 1)
    assert (catalog.info().heads, catalog.info().heads_before) == (ids["a"], ids["own"])
    catalog.commit(Change(live=Live(id=ids["own"], before=ids["a"])))
    assert (catalog.info().heads, catalog.info().heads_before) == (ids["own"], ids["a"])
    catalog.commit(Change())  # another commit leaves them live
    assert catalog.info().heads == ids["own"]
    generation = catalog.generation()
    with pytest.raises(BadInput, match="the heads that are live cannot be forgotten"):
        catalog.commit(Change(forget=list(ids.values())))
    assert catalog.generation() == generation
    catalog.commit(Change(forget=[ids["a"]]))
    assert [row.name for row in catalog.heads()] == ["own"]
    assert (catalog.info().heads, catalog.info().heads_before) == (ids["own"], None)
