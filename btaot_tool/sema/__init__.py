"""Checking: from the syntax tree to typed program templates."""
