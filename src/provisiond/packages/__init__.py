"""Plugin repositories, archives, firmware packages, and the authors' tools."""
