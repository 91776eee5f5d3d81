"""What proves, searches and replays the record."""
