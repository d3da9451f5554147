"""Attacks on a sandbox, from inside it. `test_attacks.py` runs them; each file is one."""
