"""FIX order-routing gateway."""
