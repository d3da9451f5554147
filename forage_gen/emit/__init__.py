"""Emitters: from a plan to artifacts, one target language a module."""
