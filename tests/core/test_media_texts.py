"""Texts: one stated rule for encodings; and preparing, the same for all media."""

from __future__ import annotations

import codecs

import pytest

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.prepare import prepare, prepare_media
from hearsee.core.media.texts import decode_text
from hearsee.core.modality import Modality
from hearsee.core.space import load_space

LIMITS = Limits()


@pytest.mark.parametrize(
    "raw",
    [
        "Käuzchen, ‘owl’".encode(),
        codecs.BOM_UTF8 + "Käuzchen, ‘owl’".encode(),
        codecs.BOM_UTF16_LE + "Käuzchen, ‘owl’".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Käuzchen, ‘owl’".encode("utf-16-be"),
        "Käuzchen, ‘owl’".encode("cp1252"),
    ],
)
def test_every_encoding_of_the_rule_reads_the_same(raw: bytes) -> None:
    assert decode_text(raw, LIMITS).text == "Käuzchen, ‘owl’"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "an empty text"),
        (b" \n\t ", "an empty text"),
        (codecs.BOM_UTF8, "an empty text"),
        (b"one\0two", "zero byte .character 3"),
        ("owl".encode("utf-16-le"), "zero byte"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "marked as UTF-16-LE"),
        (b"\x81\x8d\xff", "neither UTF-8 nor Windows-1252"),
        (b"\xff\xd8\xff\xe0 and so on", "starts like a file of type JPEG"),
        (b"x" * 10_485_760, "a text of 10,485,760 bytes, the limit is 1,048,576: split it"),
    ],
)
def test_what_is_refused_says_why(raw: bytes, said: str) -> None:
    with pytest.raises(BadMedia, match=said):
        decode_text(raw, LIMITS)


def test_words_that_begin_like_a_file_are_still_words() -> None:
    assert decode_text(b"ID3 and GIF89a are file types", LIMITS).text.startswith("ID3")


def test_media_are_prepared_as_their_tower_wants() -> None:
    (piece,) = prepare_media(Modality.TEXT, b"two bells", load_space("hash"), LIMITS)
    assert piece.data.tobytes() == b"two bells"
    with pytest.raises(BadMedia, match="5 bytes, the limit is 4"):
        prepare_media(Modality.TEXT, b"bells", load_space("hash"), Limits(max_file_bytes=4))
    with pytest.raises(BadMedia, match="empty file"):
        prepare_media(Modality.IMAGE, b"", load_space("hash"), LIMITS)


@pytest.mark.parametrize("name", ["nowhere.at:all", "hearsee.core.errors:nothing", "hearsee.core.errors", ""])
def test_a_preparation_that_is_not_there_is_no_fault_of_the_media(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be imported"):
        prepare(name, Modality.TEXT, b"owl", LIMITS)
