"""What the sandbox costs, and whether hostile designs change what honest ones score."""
