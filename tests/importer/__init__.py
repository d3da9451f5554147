"""A template of firefly-forage's becomes one that builds."""
