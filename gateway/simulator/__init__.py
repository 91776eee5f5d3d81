"""A Binance-compatible simulated exchange."""
