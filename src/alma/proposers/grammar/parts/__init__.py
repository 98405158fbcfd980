"""The parts that the grammar composes designs from: real modules, inlined into the designs they make.

Each part is one class with `learn(episode)` and `recall(situation)`. A part holds an algorithm, never
a fact about a domain: with no episodes it recalls nothing. Parts use the SDK and the standard library.
"""
