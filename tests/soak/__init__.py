"""What takes too long for the tests; `scripts/soak` runs it."""
