"""BPF object files: instructions, relocations, BTF, disassembly."""
