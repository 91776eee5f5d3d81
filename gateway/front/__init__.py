"""The only listener on the network."""
