"""``python -m btaot_tool.worker``."""

from .server import main

main()
