"""Use cases: what administrators, programs and phones can have done."""
