"""Package of the names that concern devices."""
