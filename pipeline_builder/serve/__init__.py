"""The local engine behind the SageMaker API, on 127.0.0.1, with the calls of S3, STS, IAM and Logs around it.

In: HTTP as boto3 sends it, signed. Out: the engine's answers, and errors with the service's codes.
May use: definition, engine, dag, machine, target, descriptions, errors, regions.
Begin reading: `application.Application`, then `access/` for who may ask and `protocol` for what; an operation is a
function in the module of its kind, those of S3 are in `s3/`. `server` listens, `beside` for an engine's own jobs alone.
"""
