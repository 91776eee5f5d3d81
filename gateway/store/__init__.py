"""SQL tables, the batch writer and the readers."""
