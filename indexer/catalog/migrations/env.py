"""Runs migrations on the connection it is handed, inside its transaction."""

from __future__ import annotations

from alembic import context

from hearsee.indexer.catalog.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
