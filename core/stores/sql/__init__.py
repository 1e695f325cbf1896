"""Stores in a database: one code path for SQLite and PostgreSQL, and a small part for each."""
