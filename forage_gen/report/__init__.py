"""Findings as text for people and as documents for machines: pure functions of the findings."""
