"""Programs that run beside or inside a job, by their path; they use the standard library only."""
