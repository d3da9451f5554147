"""The NixOS module, evaluated by NixOS's own modules."""
