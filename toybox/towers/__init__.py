"""Three small towers, picture, sound and words, trained from scratch into one space."""
