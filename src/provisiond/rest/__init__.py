"""Delivery to programs: the REST API."""
