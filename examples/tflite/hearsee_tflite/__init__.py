"""TFLite networks as towers of Hearsee."""
