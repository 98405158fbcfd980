"""One file a schema change, numbered in order; never edited once released."""
