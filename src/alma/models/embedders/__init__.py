"""What turns texts into vectors: on this machine (`minilm`, `hashed`), or at a server through the gateway."""
