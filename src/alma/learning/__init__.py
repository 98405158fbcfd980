"""The ring: collect, roll out, evaluate, verify, search, and the budget that ends it."""
