"""Artifacts become one directory tree on disk, all of it or nothing; and a tree is compared."""
