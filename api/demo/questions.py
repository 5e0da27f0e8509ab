"""What people come for, asked of the toybox; each question knows what a right answer shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hearsee.core.modality import Modality
from hearsee.indexer.library import Library
from hearsee.toybox.lexicon import NAMES
from hearsee.toybox.scene import HEARD
from hearsee.toybox.words import plural

HITS = 5
_NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}
_FLAGS = {"image": "--image", "audio": "--audio", "like": "--like", "without": "--not"}

Group = Mapping[Modality, Any]  # the three items of one toybox group


@dataclass(frozen=True)
class Question:
    name: str
    asked: Mapping[str, Any]  # what is handed to search
    right: Mapping[str, Any]  # what a right answer shows
    wrong: Mapping[str, Any]  # and what it does not

    @property
    def command(self) -> str:
        """The same as one types it."""
        words = ["hearsee", "search"]
        if "text" in self.asked:
            words.append(str(self.asked["text"]))
        for name, flag in _FLAGS.items():
            if name in self.asked:
                words += [flag, str(self.asked[name])]
        if "where" in self.asked:
            import json

            words += ["--where", json.dumps(self.asked["where"])]
        return shlex.join([*words, "--want", ",".join(self.asked["wanted"])])

    def answered_by(self, metadata: Mapping[str, Any]) -> bool:
        fits = all(metadata.get(key) == value for key, value in self.right.items())
        return fits and all(metadata.get(key) != value for key, value in self.wrong.items())


def questions(library: Library) -> list[Question]:
    """Six questions about groups that this library holds, the same for the same library."""
    groups = _whole_groups(library)
    return [
        _words_to(groups, "words to picture", "bell", Modality.IMAGE),
        _picture_to_caption(groups, "owl"),
        _words_to(groups, "words to sound", "dog", Modality.AUDIO),
        _sound_to_picture(groups, "train"),
        _all_together(groups, "drum"),
        _like_but_not(groups, "car"),
    ]


def _words_to(groups: Sequence[Group], name: str, thing: str, wanted: Modality) -> Question:
    right = _of(_find(groups, thing)[Modality.TEXT], "thing", "count", "distance")
    return Question(name, {"text": _phrase(right), "wanted": [wanted.value]}, right, {})


def _picture_to_caption(groups: Sequence[Group], thing: str) -> Question:
    picture = _find(groups, thing)[Modality.IMAGE]
    right = _of(picture, "thing", "count", "colour")
    return Question("picture to caption", {"image": str(picture.path), "wanted": ["text"]}, right, {})


def _sound_to_picture(groups: Sequence[Group], thing: str) -> Question:
    sound = _find(groups, thing)[Modality.AUDIO]
    right = _of(sound, "thing", "count", "distance")
    return Question("sound to picture", {"audio": str(sound.path), "wanted": ["image"]}, right, {})


def _all_together(groups: Sequence[Group], thing: str) -> Question:
    """More of what these three show; the group itself is filtered out, or it would be its own answer."""
    group = _find(groups, thing)
    asked = {
        "text": group[Modality.TEXT].text,
        "image": str(group[Modality.IMAGE].path),
        "audio": str(group[Modality.AUDIO].path),
        "where": {"@group": {"$ne": group[Modality.IMAGE].group}},
        "wanted": ["image", "audio"],
    }
    return Question("words, picture and sound", asked, _of(group[Modality.IMAGE], "thing", "count"), {})


def _like_but_not(groups: Sequence[Group], thing: str) -> Question:
    picture = _repainted(groups, thing)[Modality.IMAGE]
    colour = picture.metadata["colour"]
    asked = {"like": picture.id, "without": colour, "wanted": ["image"]}
    return Question("like this but not that", asked, _of(picture, "thing"), {"colour": colour})


def _of(item: Any, *keys: str) -> dict[str, Any]:
    return {key: item.metadata[key] for key in keys}


def _phrase(shown: Mapping[str, Any]) -> str:
    name, count = NAMES[shown["thing"]][0], shown["count"]
    noun = plural(name) if count > 1 else name.partition("|")[0]
    return f"{_NUMBERS[count]} {noun} {'far away' if shown['distance'] == 'far' else 'close by'}"


def _find(groups: Sequence[Group], thing: str) -> Group:
    """The first group that shows several of the thing, or one of it, or simply the first."""
    shown = [group for group in groups if group[Modality.IMAGE].metadata["thing"] == thing]
    several = [group for group in shown if group[Modality.IMAGE].metadata["count"] > 1]
    return (several or shown or list(groups))[0]


def _repainted(groups: Sequence[Group], thing: str) -> Group:
    """A group that another one repeats in another colour, of the thing if there is one: so that there is an answer."""
    seen: dict[tuple[Any, ...], Group] = {}
    pairs = []
    for group in groups:
        shown = group[Modality.IMAGE].metadata
        twin = seen.setdefault(tuple(shown[key] for key in HEARD), group)
        if twin[Modality.IMAGE].metadata["colour"] != shown["colour"]:
            pairs.append(twin)
    fitting = [group for group in pairs if group[Modality.IMAGE].metadata["thing"] == thing]
    return (fitting or pairs or [_find(groups, thing)])[0]


def _whole_groups(library: Library) -> list[Group]:
    """Groups with all three modalities, in the order of their names."""
    found: dict[str, dict[Modality, int]] = {}
    for name, modality, item_id in library.catalog.groups():
        found.setdefault(name, {})[modality] = item_id
    whole = [ids for _, ids in sorted(found.items()) if len(ids) == len(Modality)]
    items = _items(library, (item_id for ids in whole for item_id in ids.values()))
    return [{modality: items[item_id] for modality, item_id in ids.items()} for ids in whole]


def _items(library: Library, ids: Iterable[int]) -> dict[int, Any]:
    return dict(library.catalog.items(list(ids)))
