"""The space `tflite`: MobileNet sees, YAMNet hears, hashed words read; nothing is aligned until heads are trained."""

from __future__ import annotations

from hearsee.core.head import Head
from hearsee.core.modality import Modality
from hearsee.core.presets import start_matrix
from hearsee.core.space import Space
from hearsee_tflite.tower import tflite_tower
from hearsee_tflite.words import words_tower

DIM = 512
MOBILENET = "mobilenet_v1*embedding_extractor.tflite"
YAMNET_EMBEDDING = "global_average_pooling2d/Mean"  # in front of its 521 classes


def tflite_space() -> Space:
    """The networks are looked for in the folders `mobilenet` and `yamnet` under HEARSEE_MODELS."""
    towers = {
        Modality.IMAGE: tflite_tower(Modality.IMAGE, model="mobilenet", file=MOBILENET),
        Modality.AUDIO: tflite_tower(Modality.AUDIO, model="yamnet", output=YAMNET_EMBEDDING),
        Modality.TEXT: words_tower(Modality.TEXT),
    }
    heads = {modality: Head(start_matrix(tower.dim, DIM)) for modality, tower in towers.items()}
    return Space("tflite", DIM, towers, heads)
