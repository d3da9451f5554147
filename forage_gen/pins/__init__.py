"""Fetches the project's sources once, to say in forage.lock what they hold."""
