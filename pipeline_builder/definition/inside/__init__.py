"""What travels in a job's code and runs in its container: the standard library only, nothing of this package."""
