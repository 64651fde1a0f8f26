"""The tool under the name that SCons looks for.

``Environment(tools=["default", "btaot"], toolpath=[PyPackageDir("btaot_tool.scons")])``
"""

from btaot_tool.scons import exists, generate

__all__ = ["exists", "generate"]
