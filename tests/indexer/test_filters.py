"""Filters against a Python oracle that reads the raw JSON: the same answer, on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.where import parse_where
from hearsee.indexer.catalog import Catalog, Change, NewItem, sqlite_url
from tests.servers import fresh_database

KEYS = [
    "a",
    "b",
    "a.b",
    "a.b.c",
    "b.a",
    "_",
    "%",
    "it's",
    '"q"',
    "é",
    "🐝",
    "",
    "a.",
    "@id",
    "k\0",
    "x" * 250,
    "x" * 251,
]
TEXTS = [
    *["", "a", "ab", "abc", "b", "A", "a%", "a_", "%", "_", "\\", "é", "e\u0301", "🐝", "🐝🐝", "1", "true", "null"],
    *[
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U00010000",
        "\U0010ffff",
        "\U0010ffff\U0010ffff",
        "a\U0010ffff",
        "a\0b",
        "\ud800",
    ],
    *["x" * 199, "x" * 200, "x" * 201, "x" * 200 + "y", "x" * 200 + "\U0010ffff", "x" * 450, "'; DROP TABLE items; --"],
]
NUMBERS = [
    *[0, -0.0, 1, 1.0, -1, 0.1, 1.5, 2, 1e308, -1e308, 5e-324, 2**53, 2**53 + 1, float(2**53), 2**53 + 2],
    *[2**63 - 1, 2**63, 2**64 + 1, float(2**64), -(2**53) - 1, 10**30, 10**400, -(10**400), math.nan, math.inf],
]


def one_of(some: list[Any]) -> st.SearchStrategy[Any]:
    """Like sampled_from, without all of it in every message."""
    return st.integers(0, len(some) - 1).map(lambda place: some[place])


texts = one_of(TEXTS) | st.text(max_size=4)
numbers = one_of(NUMBERS) | st.floats() | st.integers() | st.integers(-3, 3)
scalars = st.none() | st.booleans() | texts | numbers
keys = one_of(KEYS)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
documents = st.dictionaries(keys, values, max_size=5)

asked_numbers = numbers.filter(lambda number: number == number and number not in (math.inf, -math.inf))
asked = st.none() | st.booleans() | texts | asked_numbers
operators = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne"]), asked),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), texts | asked_numbers),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(asked, max_size=4)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$prefix"), texts),
)
tests = st.lists(operators, min_size=1, max_size=2).map(dict)
tests = tests | tests.map(lambda test: {"$not": test})
own_keys = st.sampled_from(["@uri", "@modality", "@group", "@caption", "@text"])
conditions = st.dictionaries(keys | keys | own_keys, asked | tests | tests, max_size=2)
joins = st.sampled_from(["$and", "$or", "$nor"])
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.tuples(joins, st.lists(inner, min_size=1, max_size=3)).map(lambda pair: {pair[0]: pair[1]}),
        inner.map(lambda part: {"$not": part}),
        st.tuples(inner, conditions).map(lambda pair: {**pair[0], **pair[1]}),
    ),
    max_leaves=8,
)


# The oracle. It knows nothing of the parser, of facts or of SQL.


def clean(text: str) -> str:
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def plain(value: Any) -> Any:
    """The value as JSON could hold it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {clean(k): plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def leaves(path: str, value: Any, inside_list: bool = False) -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(f"{path}.{key}", inner)
    elif isinstance(value, list) and not inside_list:
        for one in value:
            yield from leaves(path, one, inside_list=True)


def kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def holds(name: str, wanted: Any, found: list[Any]) -> bool:
    """One operator against every value found under the key."""
    if name == "$not":
        return not all(holds(inner, value, found) for inner, value in wanted.items())
    if name in ("$ne", "$nin"):
        return not holds({"$ne": "$eq", "$nin": "$in"}[name], wanted, found)
    if name == "$in":
        return any(holds("$eq", one, found) for one in wanted)
    if name == "$exists":
        return bool(found) is wanted
    if name == "$eq" and wanted is None:
        return not found or None in found
    wanted = clean(wanted) if isinstance(wanted, str) else wanted
    if name == "$prefix":
        return any(isinstance(value, str) and value.startswith(wanted) for value in found)
    compare = {"$eq": "eq", "$gt": "gt", "$gte": "ge", "$lt": "lt", "$lte": "le"}[name]
    return any(kind(value) == kind(wanted) and getattr(operator, compare)(value, wanted) for value in found)


Fields: TypeAlias = dict[str, list[Any]]  # everything that lies under each path


def matches(where: dict[str, Any], item: Fields) -> bool:
    for key, wanted in where.items():
        if key in ("$and", "$or", "$nor"):
            answers = [matches(part, item) for part in wanted]
            right = all(answers) if key == "$and" else any(answers) is (key == "$or")
        elif key == "$not":
            right = not matches(wanted, item)
        else:
            found = item.get(clean(key), [])
            test = wanted if isinstance(wanted, dict) else {"$eq": wanted}
            right = all(holds(name, value, found) for name, value in test.items())
        if not right:
            return False
    return True


# The databases, with documents to ask about.


def new_item(uri: str, document: dict[str, Any], chance: random.Random) -> NewItem:
    caption, text, group = (chance.choice([None, None, *TEXTS]) for _ in range(3))
    modality = chance.choice(list(Modality))
    return NewItem(uri, modality, "0" * 64, 1, "test", [], caption, text, group, document)


def fields_of(item: NewItem) -> Fields:
    own = {"@uri": item.uri, "@modality": str(item.modality)}
    said = {"@caption": item.caption, "@text": item.text, "@group": item.group}
    found: Fields = {}
    for key, value in plain(item.metadata).items():
        for path, one in leaves(key, value):
            found.setdefault(path, []).append(one)
    return found | {k: [] if v is None else [clean(v)] for k, v in (own | said).items()}


def some_documents(count: int, seed: int) -> list[dict[str, Any]]:
    """Documents of the same kind as hypothesis draws, many at once."""
    chance = random.Random(seed)

    def value(depth: int) -> Any:
        choice = chance.random()
        if depth < 3 and choice < 0.15:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        if depth < 3 and choice < 0.3:
            return {chance.choice(KEYS): value(depth + 1) for _ in range(chance.randrange(4))}
        return chance.choice([None, True, False, chance.choice(TEXTS), chance.choice(NUMBERS), chance.randint(-3, 3)])

    return [{chance.choice(KEYS): value(1) for _ in range(chance.randrange(6))} for _ in range(count)]


class Asked:
    """A catalog and the items the oracle believes to be in it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.items: dict[int, Fields] = {}

    def put(self, given: list[NewItem]) -> None:
        self.catalog.commit(Change(items=given))
        known = self.catalog.find([item.uri for item in given])
        self.items |= {known[item.uri].id: fields_of(item) for item in given}

    def check(self, where: dict[str, Any], first: int | None = None) -> None:
        """Compare with the oracle; `first`: for so many items only, where the oracle would take its time."""
        parsed = parse_where(where)
        judged = sorted(self.items)[:first]
        expected = [id_ for id_ in judged if matches(where, self.items[id_])]
        found = self.catalog.allowed(parsed).tolist()
        assert [id_ for id_ in found if id_ <= judged[-1]] == expected
        assert [item.id for item in self.catalog.page(where=parsed, limit=1_000)] == found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked_catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("filters")
        with Catalog.create(sqlite_url(folder / "catalog.sqlite"), load_space("hash")) as catalog:
            yield filled(catalog)
    else:
        with (
            fresh_database(request.getfixturevalue("postgres")) as url,
            Catalog.create(url, load_space("hash")) as catalog,
        ):
            yield filled(catalog)


def filled(catalog: Catalog) -> Asked:
    asked = Asked(catalog)
    chance = random.Random(1)
    asked.put([new_item(f"test:{n}", document, chance) for n, document in enumerate(some_documents(400, seed=2))])
    gone = list(asked.items)[::7]
    catalog.commit(Change(remove=gone))
    for id_ in gone:
        del asked.items[id_]
    return asked


unhurried = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@settings(unhurried, max_examples=300)
@given(where=filters)
@example(where={})
@example(where={"a": {"$in": []}})
@example(where={"a": {"$nin": []}})
@example(where={"a": {"$gt": 2**53}, "b": {"$ne": None}})
@example(where={"a": {"$prefix": "x" * 200 + "\U0010ffff"}})
def test_a_filter_means_what_the_oracle_says(asked_catalog: Asked, where: dict[str, Any]) -> None:
    asked_catalog.check(where)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@settings(unhurried, max_examples=10_000)
@given(where=filters)
def test_ten_thousand_filters_mean_what_the_oracle_says(asked_catalog: Asked, where: dict[str, Any]) -> None:
    asked_catalog.check(where)


@settings(unhurried, max_examples=60)
@given(given_documents=st.lists(documents, min_size=1, max_size=8), where=st.lists(filters, min_size=1, max_size=3))
def test_documents_of_every_kind(
    asked_catalog: Asked, given_documents: list[dict[str, Any]], where: list[dict[str, Any]]
) -> None:
    chance = random.Random(3)
    asked_catalog.put([new_item(f"drawn:{n}", document, chance) for n, document in enumerate(given_documents)])
    for one in where:
        asked_catalog.check(one)


@pytest.mark.parametrize("some", [TEXTS, [number for number in NUMBERS if number == number and number != math.inf]])
def test_every_value_against_every_other(catalog: Catalog, some: list[Any]) -> None:
    asked = Asked(catalog)
    documents = [{"v": value} for value in some] + [{"v": None}, {"v": True}, {"v": "1"}, {"v": 1}, {}]
    asked.put([new_item(f"test:{n}", document, random.Random(n)) for n, document in enumerate(documents)])
    for value in some:
        names = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", *(["$prefix"] if isinstance(value, str) else [])]
        for where in [*({name: value} for name in names), {"$in": [value, some[0]]}]:
            asked.check({"v": where})


@pytest.mark.parametrize(
    "where",
    [
        {"$or": [{"a": n} for n in range(500)] + [{"b": {"$gt": n / 7}} for n in range(500)]},
        {"$and": [{"a": {"$ne": n}} for n in range(1_000)]},
        {"a": {"$in": [2**53 + n for n in range(5_000)] + ["x" * 200 + str(n) for n in range(4_999)] + [None]}},
        {"b": {"$nin": [n / 2 for n in range(5_000)] + [str(n) for n in range(5_000)]}},
    ],
)
def test_the_largest_filters_are_answered(asked_catalog: Asked, where: dict[str, Any]) -> None:
    asked_catalog.check(where, first=40)


def test_the_deepest_filters_are_answered(asked_catalog: Asked) -> None:
    negated: dict[str, Any] = {"a": {"$gt": 0}}
    mixed: dict[str, Any] = {"b": 1}
    for level in range(30):
        negated = {"$not": negated}
        mixed = {"$or": [mixed, {"a": level}]} if level % 2 else {"$and": [mixed, {"_": {"$ne": level}}]}
    asked_catalog.check(negated)
    asked_catalog.check(mixed)
