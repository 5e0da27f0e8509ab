"""The index of words: one contract on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.catalog import Catalog, Change, NewFields, NewItem, phrases_in, words_in
from hearsee.indexer.catalog.connect import connect
from hearsee.indexer.catalog.folding import MAX_WORD, MAX_WORDS
from hearsee.indexer.catalog.upgrade import migrate

IMAGE, AUDIO, TEXT = Modality


def item(uri: str, caption: str | None = None, text: str | None = None, modality: Modality = IMAGE) -> NewItem:
    return NewItem(uri, modality, uri, 1, "test:", [], caption, text)


def found(catalog: Catalog, asked: str, kinds: Sequence[Modality] = tuple(Modality)) -> list[list[str]]:
    """For each phrase of the question, the names of the items that hold it."""
    ids = catalog.holding(phrases_in(asked), kinds, 1000)
    held = catalog.items([int(one) for row in ids for one in row])
    return [[held[int(one)].uri.rpartition("/")[2] for one in row] for row in ids]


@pytest.fixture
def shelf(catalog: Catalog) -> Catalog:
    catalog.commit(
        Change(
            items=[
                item("file:///w/2041/IMG_2041.JPG", "an owl on the left"),
                item("file:///w/IMG_20413.jpg", "Owls, far away"),
                item("file:///w/invoice%207731.pdf", text="Rechnung Nr. 7731 über 12 Bälle", modality=TEXT),
                item("file:///w/all.tar#sounds/owl-2.flac", "Hooting OWL 🦉", modality=AUDIO),
                item("file:///w/cats.csv#17", "猫在左边"),
            ]
        )
    )
    return catalog


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("IMG_2041", [["IMG_2041.JPG"]]),
        ("img-2041.jpg", [["IMG_2041.JPG"]]),
        ("img2041", [["IMG_2041.JPG"]]),
        ("2041", [["IMG_2041.JPG"]]),  # the folder's name is not searched, nor part of a number
        ("IMG_20*", [["IMG_2041.JPG", "IMG_20413.jpg"]]),
        ("2041*", [["IMG_2041.JPG", "IMG_20413.jpg"]]),
        ("041*", [[]]),
        ("invoice 7731", [["invoice%207731.pdf"], ["invoice%207731.pdf"]]),
        ("INVOICE-7731", [["invoice%207731.pdf"]]),
        ("balle", [["invoice%207731.pdf"]]),
        ("ＢÄLLE １２", [["invoice%207731.pdf"], ["invoice%207731.pdf"]]),
        ("owl", [["IMG_2041.JPG", "owl-2.flac"]]),
        ("owl*", [["IMG_2041.JPG", "IMG_20413.jpg", "owl-2.flac"]]),
        ("🦉", [["owl-2.flac"]]),
        ("猫", [["cats.csv#17"]]),
        ("左边", [["cats.csv#17"]]),
        ("左猫", [[]]),
        ("17", [["cats.csv#17"]]),
        ("csv", [[]]),  # the table's own name says nothing about a row
        ("owl-the", [[]]),  # a phrase: one word directly after the other
        ("on-the-left", [["IMG_2041.JPG"]]),
        ("the-on", [[]]),
        ("nothing", [[]]),
        ("… -- * \" ' \0", []),
    ],
)
def test_names_numbers_and_words_are_found(shelf: Catalog, asked: str, names: list[list[str]]) -> None:
    assert found(shelf, asked) == names


def test_only_what_is_wanted_is_found(shelf: Catalog) -> None:
    assert found(shelf, "owl", [AUDIO]) == [["owl-2.flac"]]
    assert found(shelf, "owl", [IMAGE, TEXT]) == [["IMG_2041.JPG"]]
    assert [len(ids) for ids in shelf.holding(phrases_in("owl*"), tuple(Modality), 2)] == [2]
    assert found(shelf, "image audio text IMAGE") == [[], [], []]  # kinds are no words


@pytest.mark.parametrize(
    "hostile",
    [
        "\"; DROP TABLE items; --", "' OR 1=1", "body : owl", "kind:image", "NEAR(owl left, 2)", "owl AND NOT left",
        "^owl", "owl & !left", "owl <-> left", "owl:*A", "\\", "\\'owl\\'", "(((", "{owl}", "+owl -left", "%owl_",
        "\0owl\0", "\ud800owl", "🦉🏽\u200d♂️", "e\u0301\u0327" * 50, "%s %(a)s ? :a", "*", "**", "* *", "x" * 5000,
        "1" * 5000, "a " * 5000, "\u200f\u202e", "¶",
    ],
)  # fmt: skip
def test_any_text_may_be_asked_and_kept(shelf: Catalog, hostile: str) -> None:
    shelf.commit(Change(items=[item("test:odd", hostile, hostile)]))
    answers = found(shelf, hostile)
    assert len(answers) == len(phrases_in(hostile))
    assert all("test:odd" in names for names in answers)
    assert shelf.problems() == [f"catalog {shelf.label}: 6 live items have no point and cannot be found"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=12), max_size=4), st.text(max_size=8))
def test_whatever_is_written_is_found_by_what_is_written(catalog: Catalog, texts: list[str], asked: str) -> None:
    """The databases against the rule in Python: a phrase is found in exactly the items whose words hold it in a row."""
    uris = [f"test:{n}/" for n in range(5)]
    catalog.commit(Change(remove=[known.id for known in catalog.find(uris).values()]))  # of the example before
    catalog.commit(Change(items=[item(uri, text) for uri, text in zip(uris, texts, strict=False)]))
    known = catalog.find(uris)
    ids = [known[uri].id for uri, _ in zip(uris, texts, strict=False)]
    for asking in (asked, *texts):
        for phrase, row in zip(phrases_in(asking), catalog.holding(phrases_in(asking), (IMAGE,), 1000), strict=True):
            held = {
                id_
                for n, (id_, text) in enumerate(zip(ids, texts, strict=True))
                if any(holds(words_in(part), phrase.words, phrase.prefix) for part in (f"test:{n}", text))
            }
            assert set(row.tolist()) == held, (phrase, texts)


def holds(words: list[str], phrase: tuple[str, ...], prefix: bool) -> bool:
    *first, last = phrase
    runs = [(words[at : at + len(first)], words[at + len(first)]) for at in range(len(words) - len(first))]
    return any(run == first and (end == last or (prefix and end.startswith(last))) for run, end in runs)


def test_the_index_follows_every_change(catalog: Catalog) -> None:
    catalog.commit(Change(items=[item("test:a", "red owl"), item("test:b", "red bell")]))
    known = catalog.find(["test:a", "test:b"])
    catalog.commit(Change(fields=[NewFields("test:a", "test:", "blue owl")]))
    assert found(catalog, "red blue owl") == [["test:b"], ["test:a"], ["test:a"]]
    assert catalog.holding(phrases_in("owl"), [IMAGE], 9)[0].tolist() == [known["test:a"].id]
    catalog.commit(Change(items=[item("test:b", "green bell", modality=AUDIO)]))  # other bytes under the same name
    assert found(catalog, "red green") == [[], ["test:b"]]
    assert found(catalog, "green", [IMAGE]) == [[]]
    catalog.commit(Change(remove=[known["test:b"].id]))
    assert found(catalog, "green bell owl") == [[], [], ["test:a"]]


def test_a_commit_that_fails_indexes_nothing(catalog: Catalog) -> None:
    with pytest.raises(Exception, match="no item test:none"):
        catalog.commit(Change(items=[item("test:a", "owl")], fields=[NewFields("test:none", "test:")]))
    assert found(catalog, "owl") == [[]]


def test_long_words_and_long_texts_are_cut_alike_when_kept_and_asked(catalog: Catalog) -> None:
    text = " ".join(f"w{chr(97 + n % 26)} {n}" for n in range(40_000))
    catalog.commit(
        Change(items=[item("test:long", text=text), item("test:wide", "x" * 300), item("test:han", "猫" * 300_000)])
    )
    assert found(catalog, "x" * MAX_WORD) == found(catalog, "x" * 500) == [["test:wide"]]
    assert found(catalog, "7 39999") == [["test:long"], []]
    assert found(catalog, "猫猫") == [["test:han"]]
    assert len(words_in(text)) == MAX_WORDS


def test_an_older_catalog_is_indexed_when_it_is_upgraded(database_url: str) -> None:
    """As m001 left it: two live items and a removed one."""
    database = connect(database_url, writable=True, create=True)
    with database.writing() as db:
        migrate(db, "m001")
        columns = "id, uri, uri_hash, modality, content, bytes, caption, metadata, fields_hash, source, added, changed"
        for row in ("1, 'test:a', 'a'", "2, 'test:b', 'b'", "3, 'test:c', 'c'"):
            values = f"{row}, 'image', 'c', 1, 'an owl', '{{}}', 'f', 's', 1, 1"
            db.execute(sql(f"INSERT INTO items ({columns}) VALUES ({values})"))
        db.execute(sql("UPDATE items SET removed = 2 WHERE id = 3"))
        space = load_space("hash")
        db.execute(
            sql("INSERT INTO library VALUES ('a', 'hash', :print, 16, 2, 1, 3, 0, 0)"), {"print": space.fingerprint}
        )
    database.engine.dispose()
    with Catalog.open(database_url, writable=True) as catalog:
        assert found(catalog, "owl") == [["test:a", "test:b"]]


def test_an_index_that_is_out_of_step_is_told_and_mended(catalog: Catalog, database_url: str) -> None:
    catalog.commit(Change(items=[item("test:a", "red owl"), item("test:b", "red bell")]))
    key = "rowid" if database_url.startswith("sqlite") else "item_id"
    database = connect(database_url, writable=True)
    with database.writing() as db:
        db.execute(sql(f"DELETE FROM words WHERE {key} = 1"))
    assert [problem for problem in catalog.problems() if "index of words" in problem] == [
        f"catalog {catalog.label}: 1 items lie otherwise in the index of words"
    ]
    with database.writing() as db:
        db.execute(sql("UPDATE items SET removed = 1 WHERE id = 2"))
    assert f"catalog {catalog.label}: 1 removed items are in the index of words" in catalog.problems()
    catalog.reindex_words()
    assert not [problem for problem in catalog.problems() if "index of words" in problem]
    assert found(catalog, "red") == [["test:a"]]
    database.engine.dispose()
