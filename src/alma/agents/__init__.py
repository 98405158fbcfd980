"""The executors that play: their contract, how a recall becomes text, and the simulated reader."""
