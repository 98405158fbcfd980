"""Simulations of `alma.stats`: how often intervals hold the truth and tests cry wolf."""
