"""Forage's compiler: sandbox templates in, NixOS and systemd configuration out."""

__version__ = "0.1.0"
