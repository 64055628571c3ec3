"""What provisionctl can do, one module for each noun."""
