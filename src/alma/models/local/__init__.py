"""A small language model on this machine: llama.cpp in a process of its own. For proofs, never for claims."""
