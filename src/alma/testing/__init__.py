"""For authors of plug-ins: conformance checks, a toy domain with a toy model, and helpers for tests."""

from alma.testing.conformance import Finding, assert_domain, check_domain

__all__ = ["Finding", "assert_domain", "check_domain"]
