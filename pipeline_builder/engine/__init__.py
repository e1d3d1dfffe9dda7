"""The local engine: executes a pipeline definition on this machine. It imports nothing of the composer."""
