"""Other engines' message logs: found, followed, and taken into a database of their own."""
