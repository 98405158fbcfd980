"""Writes designs offline by choosing, recombining and mutating parts."""
