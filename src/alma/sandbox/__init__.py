"""Where designs run: the contract, the channel's frames, the back-ends and the walls around a worker."""
