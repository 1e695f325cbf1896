"""What alembic runs: the migrations, on the connection that it was given."""

from alembic import context

from polystack.core.stores.sql.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
