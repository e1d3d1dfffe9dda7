"""The local engine behind the SageMaker API, on 127.0.0.1, with the calls of S3, STS, IAM and Logs around it.

In: HTTP as boto3 sends it. Out: the engine's answers, and errors with the service's codes.
May use: definition, engine, dag, machine, descriptions, errors, regions.
Begin reading: `server.Application`, then `protocol`; an operation is a function in the module of its kind, S3's are in
`s3/`.
"""
