"""Retention: whole sealed days leave the database for archives, but for what is held or still needed."""
