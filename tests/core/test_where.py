"""The filter language: what it understands, and the one clear line for what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hearsee.core.errors import BadInput
from hearsee.core.where import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_VALUES,
    All,
    Compares,
    Equals,
    Exists,
    Not,
    OneOf,
    Prefix,
    Some,
    Where,
    parse_where,
    where_from_json,
)

RED = Equals("colour", "red")


@pytest.mark.parametrize(
    ("document", "meaning"),
    [
        ({}, All(())),
        ({"colour": "red"}, RED),
        ({"colour": {"$eq": "red"}}, RED),
        ({"colour": None}, Equals("colour", None)),
        ({"colour": "red", "count": {"$gte": 2}}, All((RED, Compares("count", "gte", 2)))),
        ({"count": {"$gt": 1, "$lte": 3.5}}, All((Compares("count", "gt", 1), Compares("count", "lte", 3.5)))),
        ({"scene.sky": {"$ne": "red"}}, Not(Equals("scene.sky", "red"))),
        ({"colour": {"$in": ["red", None, 1]}}, OneOf("colour", ("red", None, 1))),
        ({"colour": {"$nin": ["red"]}}, Not(OneOf("colour", ("red",)))),
        ({"colour": {"$exists": True}}, Exists("colour")),
        ({"colour": {"$exists": False}}, Not(Exists("colour"))),
        ({"colour": {"$prefix": "r%"}}, Prefix("colour", "r%")),
        ({"colour": {"$not": {"$prefix": "r"}}}, Not(Prefix("colour", "r"))),
        ({"$not": {"colour": "red"}}, Not(RED)),
        ({"$or": [{"colour": "red"}, {"a": 1}]}, Some((RED, Equals("a", 1)))),
        ({"$nor": [{"colour": "red"}]}, Not(Some((RED,)))),
        ({"$and": [{"colour": "red"}], "a": True}, All((All((RED,)), Equals("a", True)))),
    ],
)
def test_what_a_filter_means(document: dict[str, Any], meaning: Where) -> None:
    assert parse_where(document) == meaning
    assert where_from_json(json.dumps(document)) == meaning


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "must be an object"),
        ("red", "must be an object"),
        (None, "must be an object"),
        ({1: 2}, "key 1 must be a string"),
        ({"count": {"$gtt": 1}}, "'$gtt' under 'count' is not known: use one of $eq, $exists, $gt,"),
        ({"$gt": 1}, "stands under a key"),
        ({"$where": "this.a"}, "'$where' is not known here: use $and, $or, $nor, $not"),
        ({"colour": {"deep": "red"}}, "reach into it as 'colour.deep'"),
        ({"colour": {}}, "is empty"),
        ({"colour": ["red"]}, "use $in"),
        ({"colour": {"$eq": {"a": 1}}}, "dotted keys"),
        ({"colour": {"$in": "red"}}, "takes a list of values, not 'red'"),
        ({"colour": {"$in": [["red"]]}}, "takes one plain value, not a list"),
        ({"colour": {"$exists": 1}}, "takes true or false, not 1"),
        ({"colour": {"$prefix": 3}}, "takes a string, not 3"),
        ({"count": {"$gt": True}}, "takes a number or a string, not true"),
        ({"count": {"$lt": None}}, "takes a number or a string, not null"),
        ({"count": {"$not": 3}}, "use $ne"),
        ({"count": float("nan")}, "must be finite"),
        ({"count": {"$in": [float("inf")]}}, "must be finite"),
        ({"count": 1 << 5000}, "too many digits"),
        ({"count": object()}, "takes one plain value, not a value of type object"),
        ({"count": b"raw"}, "a value of type bytes"),
        ({"$and": []}, "$and takes a list of one filter or more"),
        ({"$or": {"a": 1}}, "$or takes a list"),
        ({"$nor": ["red"]}, "takes filters (objects), not 'red'"),
        ({"$not": [{"a": 1}]}, "takes filters (objects), not a list"),
        ({"a": {"$in": [0] * (MAX_VALUES + 1)}}, "more than 10,000 values"),
        ({"$or": [{"a": i} for i in range(MAX_CONDITIONS + 1)]}, "more than 1,000 conditions"),
        ({"$or": [{"$and": [{"a": i}]} for i in range(100_000)]}, "more than 1,000 conditions"),
        ({"a\nb": {"$x": 1}}, "under 'a\\nb'"),
        ({"x" * 10_000: {"$x": 1}}, "…"),
    ],
)
def test_what_is_refused_in_one_short_line(document: object, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_where(document)
    message = str(refused.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 10_000])
def test_a_deep_filter_is_refused_before_anything_recurses(depth: int) -> None:
    document: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        document = {"$and": [document]}
    with pytest.raises(BadInput, match="deeper than 32 levels"):
        parse_where(document)
    text = '{"$not":' * depth + "{}" + "}" * depth
    if depth > 2 * MAX_DEPTH:
        with pytest.raises(BadInput, match="deeper than 32 levels"):
            where_from_json(text)
    with pytest.raises(BadInput, match="deeper than 32 levels"):
        where_from_json('{"a":' + "[" * 10 * depth + "]" * 10 * depth + "}")


def test_a_filter_that_contains_itself_is_refused() -> None:
    document: dict[str, Any] = {}
    document["$not"] = document
    with pytest.raises(BadInput, match="deeper"):
        parse_where(document)


def test_the_deepest_filter_is_understood() -> None:
    document: dict[str, Any] = {"a": {"$gt": 1}}
    for _ in range(MAX_DEPTH - 1):
        document = {"$and": [document]}
    found = parse_where(document)
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(found, All)
        found = found.parts[0]
    assert found == Compares("a", "gt", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        ('{"a": 1', "is not JSON"),
        ('{"a": NaN}', "must be finite"),
        ('{"a": 1e999}', "must be finite"),
        ('{"a": ' + "9" * 5000 + "}", "too many digits"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"x": {"$gt": 1, "$gt": 2}}', "'$gt' stands twice"),
    ],
)
def test_text_that_is_no_filter(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=r"^filter|^'[^']+' stands twice") as refused:
        where_from_json(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
