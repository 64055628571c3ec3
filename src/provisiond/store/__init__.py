"""Where documents live: SQLAlchemy Core on SQLite or PostgreSQL."""
