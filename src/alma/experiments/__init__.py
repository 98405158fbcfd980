"""Whole jobs on top of the ring: a run in its folder, held-out tables, benches, checks."""
