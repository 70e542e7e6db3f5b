"""Behaviours, lifecycle modes, modifiers and levels against a table of the sheets."""
