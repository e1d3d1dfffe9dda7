"""A new model repository: what is asked for, its files, and its lines in a manifest that is there already.

In: a request. Out: a folder that is a repository and trains at once.
May use: checkout, conf, definition, manifest, documents, machine, descriptions, errors, regions, layout.
Begin reading: `request.Request`, then `making.scaffold`; the files' texts are in `templates/model/`.
"""
