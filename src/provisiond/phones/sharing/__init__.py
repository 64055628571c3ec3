"""Several processes that serve phones: one owner that knows everything, and fronts that ask it and remember."""
