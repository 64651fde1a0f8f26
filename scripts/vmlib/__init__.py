"""Boots Debian kernels of several versions and architectures under QEMU's software emulation."""
