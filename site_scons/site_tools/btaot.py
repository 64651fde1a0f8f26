"""The SCons tool, as this tree uses it: from the tree itself."""

from btaot_tool.scons import exists, generate

__all__ = ["exists", "generate"]
