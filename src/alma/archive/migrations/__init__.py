"""Alembic's folder: how a database of an older ALMA becomes one of today. Only Alembic imports it."""
