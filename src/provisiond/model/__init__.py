"""What provisiond talks about: pure, frozen values without I/O."""
