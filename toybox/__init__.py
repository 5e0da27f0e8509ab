"""A world made by code: things that can be drawn, heard and named, and the towers trained on it."""
