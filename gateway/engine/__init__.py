"""The loop that decides, commits and releases, one batch at a time."""
