"""Benchmarks: start, memory and size; time inside a probe; a flood of output."""
