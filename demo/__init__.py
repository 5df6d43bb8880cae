"""The product in one command, for a machine that has nothing but Python."""
