"""Lints: what a project may do, and would better not."""
