"""Code generation: from checked templates to a BPF object file, through LLVM.

Needs llvmlite, so only the worker imports it.  ``generate`` is the entry point.
"""

from .module import Generated, generate

__all__ = ["Generated", "generate"]
