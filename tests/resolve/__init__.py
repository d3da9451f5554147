"""Tests of forage_gen/resolve/."""
