"""git: from the manifest's repositories to plain folders at known commits.

In: a manifest, a cache folder, keys (tokens, deploy keys, signatures). Out: folders below the training directory, and
the lock that says which commits.
May use: manifest, documents, machine, target, errors, regions, inert.
Begin reading: `checkout.checkout`, then `locking` and `git.Git`; only `runner.Runner` starts git, and `looks` ask web
servers without it, in the words of `protocol` and with `patience`. What opens a private repository is chosen in
`keys`, and handed to git by `access`; what servers answer is read in `answers`, put into words in `words`, and asked
for again by `retries`. What of a folder lies elsewhere is brought by `contents`: `submodules`, and the files that Git
LFS has (`lfs`).
"""
