"""Package of the names that concern the servers for phones."""
