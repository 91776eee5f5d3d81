"""The schema's history, run by Alembic. Only `schema.upgrade` uses it: a start on a current schema loads none of it."""
