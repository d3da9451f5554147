"""Tests of forage_gen/read/."""
