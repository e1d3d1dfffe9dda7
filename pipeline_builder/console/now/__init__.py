"""The page about now: what waits for a word, what runs, what failed last, what is in use, and what comes next."""
