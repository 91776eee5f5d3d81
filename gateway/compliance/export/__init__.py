"""The record handed on: CSV, Parquet and FIX text, file by file, with a manifest of hashes."""
