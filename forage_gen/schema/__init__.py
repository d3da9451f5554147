"""The keys people write: the one definition of their names, types, defaults and meaning."""
