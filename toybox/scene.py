"""What a toybox group shows: one kind of thing, and the attributes that are seen, heard and said."""

from __future__ import annotations

from dataclasses import asdict, dataclass

THINGS = (
    "bell", "bird", "bee", "ball", "boat", "bicycle", "balloon", "camera", "car", "cat", "clock", "cow",
    "cricket", "dog", "door", "drum", "duck", "fan", "fire", "firework", "flute", "frog", "glass", "guitar",
    "hammer", "helicopter", "horse", "kettle", "keyboard", "owl", "phone", "piano", "pig", "plane", "rain", "robot",
    "saw", "sheep", "siren", "snake", "tap", "thunder", "train", "trumpet", "violin", "wave", "whistle", "wolf",
)  # fmt: skip
COUNTS = (1, 2, 3, 4)  # that many drawn; that many strokes, calls or bursts
SIZES = ("small", "medium", "large")  # drawn so big; pitched high, middle, low
SIDES = ("left", "middle", "right")  # of the picture; of the stereo field
DISTANCES = ("near", "far")  # low, clear and big; high, hazy and shrunk: loud and dry; quiet, dull and reverberant
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "black")  # seen only
HEARD = ("thing", "count", "size", "side", "distance")  # shared by pictures, sounds and captions
SEEN = (*HEARD, "colour")  # shared by pictures and captions


@dataclass(frozen=True)
class Scene:
    thing: str
    count: int
    size: str
    side: str
    distance: str
    colour: str

    def attributes(self) -> dict[str, str | int]:
        return asdict(self)
