"""Pages about runs: the list with its filters, a run with all that its report has, a step of it, and its job's log.

Begin reading: `reading.read_run` for what is known of a run, `run.run_page` for its page.
"""
