"""A run as one HTML page that opens from disk, with nothing fetched and all foreign text escaped."""

from alma.report.page import LABELS, write_report

__all__ = ["LABELS", "write_report"]
