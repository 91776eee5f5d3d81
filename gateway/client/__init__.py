"""A small FIX initiator for desk tools and tests."""
