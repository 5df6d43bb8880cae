"""Measurements against the plain way and the floor, in one run, as ratios."""
