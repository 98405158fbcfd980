"""Language models: the contract and the gateway that books every call. Providers are plug-ins so far."""
