"""Where designs run: the contract, the channel's frames, and the process back-end."""
