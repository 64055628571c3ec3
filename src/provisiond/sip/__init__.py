"""SIP without input or output: messages, their framing on streams, digest answers and transactions (RFC 3261)."""
