"""Programs that show and measure provisiond from outside: over its ports, with real clients."""
