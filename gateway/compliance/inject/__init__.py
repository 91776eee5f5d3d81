"""A recorded span gone through once more by another gateway: what is to be said to it, and what must come of it."""
