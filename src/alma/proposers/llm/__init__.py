"""A language model that proposes designs: shown evidence, it reflects, plans, writes and repairs."""

from alma.proposers.llm.proposer import LlmProposer, messages_of

__all__ = ["LlmProposer", "messages_of"]
