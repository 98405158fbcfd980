"""What writes new designs: the contract, and the offline grammar."""
