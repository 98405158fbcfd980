"""The simulated executor that lets ALMA run offline. Not a language model, and never called one."""

from alma.agents.reader.reader import Reader, Weights

__all__ = ["Reader", "Weights"]
