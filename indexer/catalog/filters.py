"""Filters as SQL: conditions on items.id through facts, every value bound."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import and_, false, not_, or_, select, true, tuple_
from sqlalchemy.sql.elements import ColumnElement, Grouping

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

Condition = ColumnElement[bool]

_STRICT: dict[Order, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.gt,
    "lt": operator.lt,
    "lte": operator.lt,
}
_LOOSE: dict[Order, Callable[[Any, Any], Any]] = {
    "gt": operator.ge,
    "gte": operator.ge,
    "lt": operator.le,
    "lte": operator.le,
}
_EXACT: dict[Order, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def condition(where: Where) -> Condition:
    """True or false, never NULL, for each row of items; so that NOT means what it says."""
    match where:
        case All(parts):
            return _tree(and_, [condition(part) for part in parts], true())
        case Some(parts):
            return _tree(or_, [condition(part) for part in parts], false())
        case Not(part):
            return not_(Grouping(condition(part)))
        case _ if where.key in OWN_FIELDS:
            return _own(where)
        case _:
            return _fact(where)


def _fact(where: Equals | Compares | OneOf | Exists | Prefix) -> Condition:
    key = fact_key(clean_text(where.key))
    match where:
        case Equals(_, value):
            return _one_of(key, [value])
        case OneOf(_, values):
            return _one_of(key, values)
        case Exists():
            return _having(key, true())
        case Prefix(_, text):
            return _having(key, _starts(clean_text(text)))
        case Compares(_, order, value):
            return _having(key, _compared(order, value))


def _compared(order: Order, value: str | int | float) -> Condition:
    if isinstance(value, str):
        head, tail = split_text(clean_text(value))
        return _beyond(order, facts.c.text, head, facts.c.tail, tail, whole=len(head) < HEAD)
    number, rest = split_number(value)
    return _beyond(order, facts.c.number, number, facts.c.rest, rest, whole=abs(number) < EXACT)


def _having(key: str, fact: Condition) -> Condition:
    return items.c.id.in_(select(facts.c.item_id).where(facts.c.key == key, fact))


def _one_of(key: str, values: Sequence[Scalar]) -> Condition:
    """Some fact under the key equals one of the values."""
    heads, texts = _split([split_text(clean_text(v)) for v in values if isinstance(v, str)], lambda v: len(v) < HEAD)
    given = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    doubles, numbers = _split([split_number(v) for v in given], lambda v: abs(v) < EXACT)
    kinds = [kind for kind, value in ((TRUE, True), (FALSE, False), (NULL, None)) if any(v is value for v in values)]
    found: list[Condition] = []
    if heads:
        found.append(_having(key, facts.c.text.in_(heads)))
    if texts:
        found.append(_having(key, tuple_(facts.c.text, facts.c.tail).in_(texts)))
    if doubles:
        found.append(_having(key, facts.c.number.in_(doubles)))
    if numbers:
        found.append(_having(key, tuple_(facts.c.number, facts.c.rest).in_(numbers)))
    if kinds:
        found.append(_having(key, facts.c.kind.in_(kinds)))
    if NULL in kinds:
        found.append(not_(_having(key, true())))
    return _tree(or_, found, false())


def _split(pairs: Sequence[tuple[Any, Any]], whole: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """Those whose first half says everything, as that half alone (the index answers them), and the others."""
    return [pair[0] for pair in pairs if whole(pair[0])], [pair for pair in pairs if not whole(pair[0])]


def _beyond(
    order: Order, first: ColumnElement[Any], a: Any, second: ColumnElement[Any], b: Any, *, whole: bool
) -> Condition:
    """(first, second) lies beyond (a, b) in dictionary order; `whole`: a says everything."""
    if whole:
        return _EXACT[order](first, a)  # type: ignore[no-any-return]
    # The first term is implied by the second; it is there for the index.
    exact = or_(_STRICT[order](first, a), and_(first == a, _EXACT[order](second, b)))
    return and_(_LOOSE[order](first, a), Grouping(exact))


def _starts(text: str) -> Condition:
    head, tail = split_text(text)
    if not tail:
        return _range(facts.c.text, head)
    return and_(facts.c.text == head, _range(facts.c.tail, tail))


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
    there = column.is_not(None)
    match where:
        case Equals(_, value):
            return _own_one_of(column, [value])
        case OneOf(_, values):
            return _own_one_of(column, values)
        case Exists():
            return there
        case Prefix(_, text):
            return and_(there, _range(column, clean_text(text)))
        case Compares(_, order, str() as text):
            return and_(there, _EXACT[order](column, clean_text(text)))
        case Compares():
            return false()


def _own_one_of(column: ColumnElement[Any], values: Sequence[Scalar]) -> Condition:
    texts = [clean_text(v) for v in values if isinstance(v, str)]
    found = [and_(column.is_not(None), column.in_(texts))] if texts else []
    if any(v is None for v in values):
        found.append(column.is_(None))
    return _tree(or_, found, false())


def _tree(join: Callable[..., Condition], parts: list[Condition], empty: Condition) -> Condition:
    """Join the parts as a balanced tree: SQLite refuses expressions deeper than 1,000."""
    if not parts:
        return empty
    if len(parts) <= 8:
        return parts[0] if len(parts) == 1 else Grouping(join(*parts))
    middle = len(parts) // 2
    return Grouping(join(_tree(join, parts[:middle], empty), _tree(join, parts[middle:], empty)))
