"""What the Makefile calls to write generated pages and to check the tree. Not part of the package."""
