"""Programs that measure Forage. Their figures are in README.md."""
