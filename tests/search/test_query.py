"""What a question must look like before anything is read: one clear line for each way to get it wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.where import Equals
from hearsee.search.query import Part, ask


def test_parts_come_with_their_weights_and_signs() -> None:
    query = ask(
        text=["a bell", "far away"], image=Path("x.png"), like=7, weights={"image": 2, "without": 0.5}, without="rain"
    )
    assert query.parts == (
        Part("text", "a bell"),
        Part("text", "far away"),
        Part("image", Path("x.png"), 2.0),
        Part("like", 7),
        Part("text", "rain", 0.5, negative=True),
    )
    assert (query.wanted, query.where, query.k) == (None, None, 10)


def test_without_takes_the_same_parts() -> None:
    query = ask(text="bell", without={"image": b"png", "like": ["file:///a", 3]})
    assert [(part.kind, part.value) for part in query.parts if part.negative] == [
        ("image", b"png"),
        ("like", "file:///a"),
        ("like", 3),
    ]


def test_edits_stand_between_what_is_sought_and_what_is_not() -> None:
    query = ask(image=b"png", edit=["blue", "far away"], without="rain", weights={"edit": 2})
    assert query.parts == (
        Part("image", b"png"),
        Part("text", "blue", 2.0, edit=True),
        Part("text", "far away", 2.0, edit=True),
        Part("text", "rain", negative=True),
    )
    assert [part.role for part in query.parts] == ["image", "edit", "edit", "without"]
    assert query.parts[1].name == "edit 'blue'"


def test_samples_with_their_rate_are_one_sound() -> None:
    wave = (np.zeros(10), 8000)
    assert [part.value for part in ask(audio=wave).parts] == [wave]
    assert len(ask(audio=[wave, "b.flac"]).parts) == 2
    assert len(ask(audio=("a.flac", "b.flac")).parts) == 2


def test_wanted_takes_names_or_one_string() -> None:
    both = (Modality.IMAGE, Modality.AUDIO)
    assert (
        ask(text="x", wanted="image, audio").wanted == ask(text="x", wanted=["image", "audio", "image"]).wanted == both
    )


def test_a_filter_is_parsed_or_taken_as_it_is() -> None:
    parsed = Equals("colour", "red")
    assert ask(text="x", where={"colour": "red"}).where == ask(text="x", where=parsed).where == parsed


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({}, "looks for nothing; give it at least one"),
        ({"text": []}, "looks for nothing"),
        ({"without": "rain"}, "steering away is not enough"),
        ({"edit": "blue"}, "there is nothing to edit; give it at least one text, image"),
        ({"edit": "blue", "without": "rain"}, "there is nothing to edit"),
        ({"text": "x", "edit": " "}, "edit is empty: say what is to be different"),
        ({"text": "x", "edit": ["blue", ""]}, "edit is empty"),
        ({"text": "x", "edit": 3}, "edit is 3: it must be words"),
        ({"text": "x", "edit": {"image": b"png"}}, "edit is a dict: it must be words"),
        ({"text": "x", "edit": ["x"] * 64}, "65 parts: 64 is the most"),
        ({"text": "x", "weights": {"edit": 2}}, "no such part"),
        ({"text": "x", "edit": "y", "weights": {"edit": math.nan}}, "weight of edit is nan"),
        ({"text": "x", "edit": "y", "weights": {"edit": 0}}, "weight of edit is 0"),
        ({"text": "  "}, "text is empty"),
        ({"text": 3}, "text is 3: it must be a string"),
        ({"image": ""}, "image is empty"),
        ({"audio": b""}, "audio is empty"),
        ({"like": True}, "like is True"),
        ({"like": 1.5}, "like is 1.5"),
        ({"like": ""}, "like is ''"),
        ({"text": ["x"] * 65}, "65 parts: 64 is the most"),
        ({"text": "x", "without": {"words": "y"}}, "unknown part 'words'"),
        ({"text": "x", "wanted": "smell"}, "unknown modality 'smell'"),
        ({"text": "x", "wanted": []}, "wanted is empty"),
        ({"text": "x", "weights": {"image": 2}}, "no such part"),
        ({"text": "x", "weights": {"without": 2}}, "no such part"),
        ({"text": "x", "weights": {"smell": 2}}, "unknown part 'smell'"),
        ({"text": "x", "weights": {"text": 0}}, "weight of text is 0: it must be above 0 and at most 1000"),
        ({"text": "x", "weights": {"text": -1}}, "give the part as `without`"),
        ({"text": "x", "weights": {"text": math.nan}}, "weight of text is nan"),
        ({"text": "x", "weights": {"text": 1e9}}, "at most 1000"),
        ({"text": "x", "weights": {"text": 10**400}}, "a very large number"),
        ({"text": "x", "weights": {"text": True}}, "weight of text is True"),
        ({"text": "x", "weights": {"text": "2"}}, "weight of text is '2'"),
        ({"text": "x", "k": 0}, "k is 0: it must be a whole number from 1 to 10000"),
        ({"text": "x", "k": -1}, "k is -1"),
        ({"text": "x", "k": True}, "k is True"),
        ({"text": "x", "k": 1.5}, "k is 1.5"),
        ({"text": "x", "k": "5"}, "k is '5'"),
        ({"text": "x", "k": 10**9}, "k is 1000000000"),
        ({"text": "x", "k": 10**5000}, "k is a very large number"),
        ({"text": "x", "where": {"$foo": 1}}, "foo"),
        ({"text": "x", "where": "colour"}, "filter must be an object"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(question: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as error:
        ask(**question)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


def test_numpy_numbers_are_numbers() -> None:
    query = ask(text="x", weights={"text": np.float32(2)}, k=np.int64(3))  # type: ignore[arg-type,dict-item]
    assert (query.parts[0].weight, query.k) == (2.0, 3)
