"""Delivery to phones over HTTP and TFTP."""
