"""A second look in the toybox: one small network reads the words and the picture together."""
