"""Tests of forage_gen/schema/."""
