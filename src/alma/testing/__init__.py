"""For tests of plug-ins: a toy domain and helpers."""
