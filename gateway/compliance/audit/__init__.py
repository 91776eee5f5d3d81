"""Proof that the record is as it was written: hashes over every stored record, sealed and signed."""
