"""FIX bytes and text: framing, fields, names. Pure, on the standard library alone; every other package may use it."""
