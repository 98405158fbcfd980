"""Commands whose numbers the documentation quotes; each prints a table."""
