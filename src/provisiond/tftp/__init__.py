"""TFTP: pure packets, options and transfers, and a thin adapter on sockets."""
