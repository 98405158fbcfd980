"""Run by Alembic for each command: works on the connection that `alma.archive.database` hands over."""

from alembic import context

from alma.archive.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
