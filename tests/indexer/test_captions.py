"""Captions: our own grammar's, and those of files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from hearsee.core.errors import BadInput, NotFound
from hearsee.indexer.align.caption_files import read_captions
from hearsee.indexer.align.scene_words import KINDS, WEATHER
from hearsee.indexer.align.scenes import SENTENCES, captions, inflected, plural


def test_our_captions_are_distinct_sentences_over_every_kind_of_scene() -> None:
    found = captions()
    assert len(found) == len(set(found)) == SENTENCES
    assert captions(500) == found[:500]
    assert all(re.fullmatch(r"[a-z][a-z' -]+", one) and "  " not in one for one in found)
    assert not [one for one in found if re.search(r"\ba [aeio]", one)]
    assert 5 < sum(len(one.split()) for one in found) / len(found) < 14
    words = Counter(word for one in found for word in set(one.split()))
    for nouns, verbs, _ in KINDS:
        assert all(noun.split()[-1] in words or plural(noun).split()[-1] in words for noun in nouns.split(", "))
        assert any(inflected(verb, form).split()[0] in words for verb in verbs.split(", ") for form in ("s", "ing"))
    assert all(any(one.startswith(clause) for one in found) for clause in WEATHER)


def test_verbs_and_nouns_are_inflected_as_people_do() -> None:
    pairs = {"bark": ("barks", "barking"), "go off": ("goes off", "going off"), "buzz": ("buzzes", "buzzing")}
    pairs |= {"hum": ("hums", "humming"), "cry": ("cries", "crying"), "drive past": ("drives past", "driving past")}
    pairs |= {"close its doors": ("closes its doors", "closing its doors"), "play": ("plays", "playing")}
    for verb, (third, going) in pairs.items():
        assert (inflected(verb, "s"), inflected(verb, "ing")) == (third, going)
    nouns = {"dog": "dogs", "bus": "buses", "goose": "geese", "puppy": "puppies", "toy": "toys", "fox": "foxes"}
    assert {noun: plural(noun) for noun in nouns} == nouns


def test_files_of_lines_and_tables_are_read_once_each(tmp_path: Path) -> None:
    lines, table = tmp_path / "lines.txt", tmp_path / "table.csv"
    lines.write_text("\ufeffa dog barks, loudly\n\n  rain falls \r\na dog barks, loudly\n", "utf-8")
    table.write_text('caption\n"a bell, far away"\nrain falls\n12\n', "utf-8")
    assert read_captions([lines, table]) == ["a dog barks, loudly", "rain falls", "a bell, far away", "12"]
    wide = tmp_path / "wide.tsv"
    wide.write_text("id\tcaption\n1\ta cat\n2\t\n", "utf-8")
    assert read_captions([wide], "caption") == ["a cat"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("two.csv", b"a,b\nx,y\n", "it has 2 columns (a, b); name the one with the captions: --column NAME"),
        ("two.txt", b"one\nx\ty\n", "line 2 has 2 columns"),
        ("none.csv", b"", "holds no captions"),
        ("head.csv", b"caption\n", "holds no captions"),
        ("none.txt", b"\n  \n", "holds no captions"),
        ("comma.csv", b"caption\na dog, a cat\n", "put captions with commas in quotes"),
        ("latin.txt", b"caf\xe9\n", "not UTF-8"),
        ("list.jsonl", b"[1]\n", "line 1 is not an object"),
    ],
)
def test_a_file_that_is_no_list_of_captions_is_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_captions([path])
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_or_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"away\.txt"):
        read_captions([tmp_path / "away.txt"])
    path = tmp_path / "table.csv"
    path.write_text("caption\nx\n")
    with pytest.raises(BadInput, match="no column is called 'words'; it has caption"):
        read_captions([path], "words")
