"""How fast, beside the floor under it: `python3 dev.py bench`. Never part of the test suite."""
