"""What runs with the SDK's own Python: nothing of this program is there, and nothing else of it is imported there."""
