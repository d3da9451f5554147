"""Specifications of the grammars, and comparisons with the programs they stand for."""
