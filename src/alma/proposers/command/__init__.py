"""Any program as the meta agent: a coding agent in a workspace folder, `--proposer command:"…"`."""

from alma.proposers.command.proposer import CommandProposer

__all__ = ["CommandProposer"]
