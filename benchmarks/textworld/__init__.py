"""The TextWorld engine: its speed raw and through ALMA's workers, its memory, its agreement."""
