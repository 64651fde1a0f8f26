"""The front of the compiler: grammar, tree, parser, formatter."""

from .parse import parse, parse_expression

__all__ = ["parse", "parse_expression"]
