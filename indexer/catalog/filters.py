"""Filters as SQL: sets of item ids out of facts, joined by UNION, INTERSECT and EXCEPT, every value bound.

Sets instead of joins: their cost grows with the rows they read, whatever a database guesses beforehand; and each set
has a name of its own (WITH), so that no filter is nested too deep for SQLite's parser.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from sqlalchemy import CTE, Select, Text, and_, cast, except_, func, intersect, or_, select, true, tuple_, union
from sqlalchemy.sql.elements import ColumnElement

from hearsee.core.where import OWN_FIELDS, All, Compares, Equals, Exists, Not, OneOf, Order, Prefix, Scalar, Some, Where
from hearsee.indexer.catalog.facts import (
    EXACT,
    FALSE,
    HEAD,
    NULL,
    TRUE,
    clean_text,
    fact_key,
    split_number,
    split_text,
)
from hearsee.indexer.catalog.tables import facts, items

PAIRS = 500  # in one IN
JOINED = 100  # sets in one UNION or INTERSECT: SQLite takes 500 at the most

Condition = ColumnElement[bool]
Compare = Callable[[Any, Any], Any]

_EXACT: dict[Order, Compare] = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_STRICT: dict[Order, Compare] = {"gt": operator.gt, "gte": operator.gt, "lt": operator.lt, "lte": operator.lt}
_LOOSE: dict[Order, Compare] = {"gt": operator.ge, "gte": operator.ge, "lt": operator.le, "lte": operator.le}


def matching(where: Where) -> Select[Any]:
    """Select the ids (`id`) of the live items that match, in no order; lists may bring an id more than once."""
    return select(_Sets().of(where).c.id)


def matching_ids(where: Where) -> Select[Any]:
    """The same ids as one text, with commas between: a row for each would cost more than finding it."""
    return select(func.aggregate_strings(cast(_Sets().of(where).c.id, Text()), ","))


class _Sets:
    """Names the sets of one filter."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def of(self, where: Where) -> CTE:
        match where:
            case All(parts):
                return self._all(parts)
            case Some(parts):
                return self._fold(union, [self.of(part) for part in parts])
            case Not(part):
                return self._without(self._live(), self.of(part))
            case _ if where.key in OWN_FIELDS:
                return self._live(_own(where))
            case Equals(key, value):
                return self._one_of(key, [value])
            case OneOf(key, values):
                return self._one_of(key, values)
            case Exists(key):
                return self._having(key, true())
            case Prefix(key, text):
                return self._having(key, _starts(clean_text(text)))
            case Compares(key, order, value):
                return self._having(key, _compared(order, value))

    def _all(self, parts: Sequence[Where]) -> CTE:
        """What all parts that say yes share, without what the others name."""
        kept = [self.of(part) for part in parts if not isinstance(part, Not)]
        base = self._fold(intersect, kept) if kept else self._live()
        out = [self.of(part.part) for part in parts if isinstance(part, Not)]
        return self._without(base, self._fold(union, out)) if out else base

    def _live(self, *conditions: Condition) -> CTE:
        return self._named(select(items.c.id).where(items.c.removed.is_(None), *conditions))

    def _having(self, path: str, fact: Condition) -> CTE:
        """Items with such a fact under the key; only live items have facts."""
        key = fact_key(clean_text(path))
        return self._named(select(facts.c.item_id.label("id")).where(facts.c.key == key, fact))

    def _one_of(self, path: str, values: Sequence[Scalar]) -> CTE:
        """Items with a fact that equals one of the values; null also means no fact at all."""
        found = [self._having(path, fact) for fact in _equal_to(values)]
        if any(value is None for value in values):
            found.append(self._without(self._live(), self._having(path, true())))
        return self._fold(union, found) if found else self._live(items.c.id < 0)

    def _without(self, base: CTE, out: CTE) -> CTE:
        return self._named(except_(select(base.c.id), select(out.c.id)))

    def _fold(self, join: Callable[..., Any], sets: Sequence[CTE]) -> CTE:
        while len(sets) > 1:
            chunks = [sets[start : start + JOINED] for start in range(0, len(sets), JOINED)]
            sets = [c[0] if len(c) == 1 else self._named(join(*(select(one.c.id) for one in c))) for c in chunks]
        return sets[0]

    def _named(self, chosen: Any) -> CTE:
        named: CTE = chosen.cte(f"set_{next(self._numbers)}")
        return named


def _equal_to(values: Sequence[Scalar]) -> list[Condition]:
    """What a fact that equals one of the values looks like."""
    heads, texts = _split([split_text(clean_text(v)) for v in values if isinstance(v, str)], lambda v: len(v) < HEAD)
    given = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    doubles, numbers = _split([split_number(v) for v in given], lambda v: abs(v) < EXACT)
    kinds = [kind for kind, value in ((TRUE, True), (FALSE, False), (NULL, None)) if any(v is value for v in values)]
    columns = ((heads, facts.c.text), (doubles, facts.c.number), (kinds, facts.c.kind))
    found: list[Condition] = [column.in_(some) for some, column in columns if some]
    # In pieces: PostgreSQL compares pairs by a tree of OR, whose depth is limited.
    found += [tuple_(facts.c.text, facts.c.tail).in_(texts[at : at + PAIRS]) for at in range(0, len(texts), PAIRS)]
    found += [
        tuple_(facts.c.number, facts.c.rest).in_(numbers[at : at + PAIRS]) for at in range(0, len(numbers), PAIRS)
    ]
    return found


def _split(pairs: Sequence[tuple[Any, Any]], whole: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """Those whose first half says everything, as that half alone (the index answers them), and the others."""
    return [pair[0] for pair in pairs if whole(pair[0])], [pair for pair in pairs if not whole(pair[0])]


def _compared(order: Order, value: str | int | float) -> Condition:
    if isinstance(value, str):
        head, tail = split_text(clean_text(value))
        return _beyond(order, facts.c.text, head, facts.c.tail, tail, whole=len(head) < HEAD)
    number, rest = split_number(value)
    return _beyond(order, facts.c.number, number, facts.c.rest, rest, whole=abs(number) < EXACT)


def _beyond(
    order: Order, first: ColumnElement[Any], a: Any, second: ColumnElement[Any], b: Any, *, whole: bool
) -> Condition:
    """(first, second) lies beyond (a, b) in dictionary order; `whole`: a says everything."""
    if whole:
        alone: Condition = _EXACT[order](first, a)
        return alone
    # The first term is implied by the second; it is there for the index.
    return and_(_LOOSE[order](first, a), or_(_STRICT[order](first, a), and_(first == a, _EXACT[order](second, b))))


def _starts(text: str) -> Condition:
    head, tail = split_text(text)
    return and_(facts.c.text == head, _range(facts.c.tail, tail)) if tail else _range(facts.c.text, head)


def _range(column: ColumnElement[Any], prefix: str) -> Condition:
    """Texts from the prefix up to the first that no longer starts with it: no wildcards to escape."""
    end = _after(prefix)
    return and_(column >= prefix, true() if end is None else column < end)


def _after(prefix: str) -> str | None:
    """The least text above every text with the prefix; none when there is none."""
    for length in range(len(prefix), 0, -1):
        point = ord(prefix[length - 1]) + 1
        if point <= 0x10FFFF:
            return prefix[: length - 1] + chr(0xE000 if 0xD800 <= point <= 0xDFFF else point)
    return None


def _own(where: Equals | Compares | OneOf | Exists | Prefix) -> Condition:
    """A condition on one of the item's own fields, which are texts or not there."""
    name = OWN_FIELDS[where.key]
    column: ColumnElement[Any] = items.c["group_name" if name == "group" else name]
    match where:
        case Equals(_, value):
            return _own_one_of(column, [value])
        case OneOf(_, values):
            return _own_one_of(column, values)
        case Exists():
            return column.is_not(None)
        case Prefix(_, text):
            return _range(column, clean_text(text))
        case Compares(_, order, value):
            compared: Condition = _EXACT[order](column, clean_text(value)) if isinstance(value, str) else items.c.id < 0
            return compared


def _own_one_of(column: ColumnElement[Any], values: Sequence[Scalar]) -> Condition:
    among = column.in_([clean_text(value) for value in values if isinstance(value, str)])
    return or_(among, column.is_(None)) if any(value is None for value in values) else among
