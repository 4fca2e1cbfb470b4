"""Django's PostgreSQL backend, which tells the database whose rows it may show."""
