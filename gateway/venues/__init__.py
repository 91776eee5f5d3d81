"""Exchanges behind one small protocol."""
