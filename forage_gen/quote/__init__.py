"""Quoting: a value in, a token of one target language out.

Each target language has one module here, and that module is all that knows the
language's quoting rules. See :mod:`forage_gen.quote.token` for what a token is.
"""
