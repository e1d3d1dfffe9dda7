"""Attacks by kind: what a model repository, a job, a client or a damaged disk can send, and what comes of it."""
