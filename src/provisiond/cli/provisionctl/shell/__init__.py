"""``provisionctl shell``: the server's things as objects of Python."""
