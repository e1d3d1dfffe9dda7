"""Scoring: the days of inference pipelines, and how their data drift."""
