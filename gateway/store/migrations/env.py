"""Alembic's entry: it runs on the connection that `schema.upgrade` hands over, in that connection's transaction."""

from alembic import context

from gateway.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
