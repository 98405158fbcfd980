"""A language model that proposes designs: shown evidence, it reflects, plans, writes and repairs."""

from alma.proposers.llm.proposer import LlmProposer

__all__ = ["LlmProposer"]
