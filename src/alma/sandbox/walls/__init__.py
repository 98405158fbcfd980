"""The walls around a design's process: namespaces, a root of its own, limits, Landlock, the call filter.

Standard library only. Each module is one layer; the back-ends put them together.
"""
