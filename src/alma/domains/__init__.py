"""What is played: the contract of a domain, the pool of environment workers, and the domains themselves."""
