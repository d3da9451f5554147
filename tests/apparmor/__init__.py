"""The AppArmor profile."""
