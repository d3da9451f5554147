"""What people and CI call."""
