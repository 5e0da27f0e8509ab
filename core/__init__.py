"""The vocabulary: modalities, media, vectors, towers, spaces, settings, errors."""
