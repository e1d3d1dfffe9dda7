"""Factories that run in the SDK's environments, and what calls them there without this program."""
