"""A new model repository: what is asked for, its files, and its lines in a manifest that is there already."""
