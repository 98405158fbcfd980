"""The language model as executor: a fixed prompt loop around any model."""

from alma.agents.llm.player import LlmAgent, LlmOptions

__all__ = ["LlmAgent", "LlmOptions"]
