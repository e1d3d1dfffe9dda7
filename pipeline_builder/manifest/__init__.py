"""The manifest: which model repositories there are, and what the platform team says about the service.

In: `model_repos.yaml`, `framework.yaml`, the lock's file. Out: `Manifest`, `Framework`, `Lock`.
May use: documents, machine, target, descriptions, errors, regions.
Begin reading: `manifest.build_manifest`; sections about the service on AWS are in `service`, what confs may ask for in
`policy`.
"""
