"""Sounds of classes that no head has heard, named by their words: zero-shot naming for `align.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._align_start import Anchors, Ridge, ridge_heads
from benchmarks._align_vectors import Floats, class_weights, sounds, table
from benchmarks._align_words import WordVectors, sound_captions, unit_rows, words
from hearsee.core.modality import Modality
from hearsee.core.vectors import unit
from hearsee.indexer.align.data import Split, Table
from hearsee.indexer.align.training import HeadRecipe, train_heads

Ids = NDArray[np.int64]
SPLITS, SPLIT_SEED, STOP_BY = 5, 5, 5  # the last: classes of the 40 that the training stops by
START = Ridge(dim=39, ridge=3.0, shrink=1.0, power=0.0)  # 40 words, less their mean
NAMED = 1.0  # weight of a class of YAMNet's own
BEST = 10  # of YAMNet's classes that speak for a clip when its scores are read as words
# YAMNet's classes that mean an ESC-50 class, written by hand; ESC-50's name where it is the same is there, too.
BY_HAND = {
    "airplane": "Fixed-wing aircraft, airplane|Aircraft|Aircraft engine|Jet engine|Propeller, airscrew",
    "breathing": "Breathing|Wheeze|Gasp|Pant|Sniff",
    "brushing teeth": "Toothbrush|Electric toothbrush",
    "can opening": "Burst, pop",
    "car horn": "Vehicle horn, car horn, honking|Toot|Air horn, truck horn",
    "cat": "Cat|Purr|Meow|Caterwaul",
    "chainsaw": "Chainsaw|Lawn mower|Light engine (high frequency)",
    "chirping birds": "Bird|Bird vocalization, bird call, bird song|Chirp, tweet",
    "church bells": "Church bell|Bell|Change ringing (campanology)|Tubular bells",
    "clapping": "Clapping|Applause",
    "clock alarm": "Alarm clock|Beep, bleep|Buzzer|Alarm",
    "clock tick": "Clock|Tick|Tick-tock",
    "coughing": "Cough|Throat clearing",
    "cow": "Cattle, bovinae|Moo",
    "crackling fire": "Fire|Crackle",
    "crickets": "Cricket",
    "crow": "Crow|Caw",
    "crying baby": "Baby cry, infant cry|Crying, sobbing",
    "dog": "Dog|Bark|Yip|Bow-wow|Howl|Growling|Whimper (dog)",
    "door wood creaks": "Creak|Squeak|Door",
    "door wood knock": "Knock|Tap",
    "drinking sipping": "Gargling|Chewing, mastication|Biting",
    "engine": (
        "Engine|Idling|Engine starting|Medium engine (mid frequency)|Engine knocking|Accelerating, revving, vroom"
    ),
    "fireworks": "Fireworks|Firecracker",
    "footsteps": "Walk, footsteps|Run|Shuffle",
    "frog": "Frog|Croak",
    "glass breaking": "Glass|Shatter|Breaking|Smash, crash",
    "hand saw": "Sawing|Filing (rasp)|Sanding",
    "helicopter": "Helicopter",
    "hen": "Cluck|Fowl|Chicken, rooster",
    "insects": "Insect|Fly, housefly|Mosquito|Buzz|Bee, wasp, etc.",
    "keyboard typing": "Computer keyboard|Typing|Typewriter",
    "laughing": "Laughter|Baby laughter|Giggle|Snicker|Belly laugh|Chuckle, chortle",
    "mouse click": "Clicking|Mouse",
    "pig": "Pig|Oink",
    "pouring water": "Pour|Fill (with liquid)|Trickle, dribble|Liquid",
    "rain": "Rain|Raindrop|Rain on surface",
    "rooster": "Crowing, cock-a-doodle-doo|Chicken, rooster",
    "sea waves": "Ocean|Waves, surf",
    "sheep": "Sheep|Bleat|Goat",
    "siren": (
        "Siren|Police car (siren)|Ambulance (siren)|"
        "Fire engine, fire truck (siren)|Civil defense siren|Emergency vehicle"
    ),
    "sneezing": "Sneeze",
    "snoring": "Snoring|Snort",
    "thunderstorm": "Thunderstorm|Thunder",
    "toilet flush": "Toilet flush",
    "train": (
        "Train|Rail transport|Train whistle|"
        "Train horn|Railroad car, train wagon|Train wheels squealing|Subway, metro, underground"
    ),
    "vacuum cleaner": "Vacuum cleaner|Hair dryer",
    "washing machine": "Mechanisms|Pump (liquid)",
    "water drops": "Drip|Plop",
    "wind": "Wind|Wind noise (microphone)|Rustling leaves",
}


@dataclass(frozen=True)
class Heard:
    vectors: Floats  # (clips, 1024)
    scores: Floats  # (clips, 521)
    labels: Ids  # (clips,)
    names: Sequence[str]
    name_rows: Floats  # (classes, dim): names as words of AudioCaps and Clotho
    own_names: Floats  # (521, dim): names of YAMNet's classes, the same way
    own_weights: Floats  # (521, 1024): what each of them listens for
    by_hand: NDArray[np.bool_]  # (classes, 521)


def load_sounds(data: Path, cache: Path) -> Heard:
    heard, called = sounds(data, cache), [row["category"] for row in table(data / "esc50/labels.csv")]
    names = sorted(set(called))
    own = (data / "yamnet/classes.txt").read_text("utf-8").splitlines()
    lexicon = WordVectors.learned(sound_captions(data), dim=300, window=4)
    clips = [heard.clips == number for number in range(len(called))]
    meant = np.array([[one in BY_HAND[name].split("|") for one in own] for name in names])
    return Heard(
        unit_rows(np.stack([heard.vectors[mine].mean(axis=0) for mine in clips])),
        np.stack([heard.scores[mine].mean(axis=0) for mine in clips]),
        np.array([names.index(name) for name in called]), names, lexicon.of([words(name) for name in names]),
        lexicon.of([words(name) for name in own]), class_weights(data, cache), meant,
    )  # fmt: skip


def naming(heard: Heard, recipe: HeadRecipe) -> dict[str, list[float]]:
    """Shares of clips of ten unheard classes that get the right one of the ten names, by way and split."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(heard.names))
    found: dict[str, list[float]] = {}
    for seed, held in enumerate(np.array_split(order, SPLITS)):
        rest = np.setdiff1d(order, held)
        for way, anchored in (("heads, 40 classes", False), ("heads, and names of YAMNet's other classes", True)):
            start, trained = heads_for(heard, rest, held, recipe, seed, anchored)
            found.setdefault(f"{way}: start", []).append(_right(heard, start, held))
            found.setdefault(way, []).append(_right(heard, trained, held))
        found.setdefault("YAMNet's scores, read as words", []).append(_right(heard, as_words(heard), held))
        found.setdefault("YAMNet's scores, mapped by hand", []).append(_right(heard, mapped(heard), held))
    return found


def heads_for(
    heard: Heard, rest: Ids, held: Ids, recipe: HeadRecipe, seed: int, anchored: bool
) -> tuple[Floats, Floats]:
    """Scores (clips, classes) before and after training on the clips of `rest` and their names."""
    stop, learn = np.split(np.random.default_rng([seed, 3]).permutation(rest), [STOP_BY])
    train, validation, judged = (_table(heard, np.sort(part)) for part in (learn, stop, held))
    anchors = _other_classes(heard, np.concatenate([held, stop])) if anchored else None
    start = ridge_heads(train, "audio", "text", START, anchors)
    given = Split(train, validation, judged)
    trained, _ = train_heads(given, recipe, old=start)
    new = {modality.value: head for modality, head in trained.by_modality.items()}
    rows = [
        unit(heads["audio"].apply(heard.vectors), "clips") @ unit(heads["text"].apply(heard.name_rows), "names").T
        for heads in (start, new)
    ]
    assert set(trained.by_modality) == {Modality.AUDIO, Modality.TEXT}
    return rows[0], rows[1]


def as_words(heard: Heard) -> Floats:
    """Each clip as the mean of the names of its best classes, weighted by their scores."""
    least = np.sort(heard.scores, axis=1)[:, -BEST][:, None]
    said = unit_rows(np.where(heard.scores >= least, heard.scores, 0) @ heard.own_names)
    scores: Floats = said @ heard.name_rows.T
    return scores


def mapped(heard: Heard) -> Floats:
    """The best score of the classes that mean the same."""
    return np.stack([heard.scores[:, meant].max(axis=1) for meant in heard.by_hand], axis=1)


def _right(heard: Heard, scores: Floats, among: Ids) -> float:
    asked = np.isin(heard.labels, among)
    return float((among[scores[asked][:, among].argmax(axis=1)] == heard.labels[asked]).mean())


def _table(heard: Heard, classes: Ids) -> Table:
    """A class is a group: its name, and its clips."""
    asked = np.isin(heard.labels, classes)
    items = {"audio": np.arange(int(asked.sum())), "text": np.arange(len(classes))}
    vectors = {"audio": heard.vectors[asked], "text": heard.name_rows[classes]}
    return Table(vectors, {"audio": heard.labels[asked], "text": classes}, items)


def _other_classes(heard: Heard, unheard: Ids) -> Anchors:
    """What YAMNet listens for in its own classes, and their names, but for classes that mean an unheard one."""
    known = (np.linalg.norm(heard.own_names, axis=1) > 0) & ~heard.by_hand[unheard].any(axis=0)
    rows, names = heard.own_weights[known], heard.own_names[known]
    return Anchors(unit_rows(rows - rows.mean(axis=0)), names - names.mean(axis=0), NAMED)
