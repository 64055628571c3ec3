"""A client of the REST API, for programs in Python."""
