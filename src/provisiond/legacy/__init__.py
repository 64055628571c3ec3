"""Existing third-party plugins, run unmodified in child processes of their own."""
