"""btaot: compiles bpftrace scripts ahead of time into static executables."""

__version__ = "0.1.0"
