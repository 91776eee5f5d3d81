"""The journal folded from nothing, and what comes of it compared with what is stored."""
