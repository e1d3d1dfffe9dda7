"""The SDK's own integration tests against `serve`: `scripts/sdk-suite`."""
