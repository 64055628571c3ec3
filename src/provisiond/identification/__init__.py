"""Recognising phones from what they ask: pure functions over data that ships with the server."""
