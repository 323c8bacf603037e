"""The work behind each command, as functions."""
