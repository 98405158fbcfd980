"""Language models and their gateway; none in this version."""
