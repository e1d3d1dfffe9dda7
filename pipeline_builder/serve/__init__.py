"""The local engine behind the SageMaker API, on 127.0.0.1, with the calls of S3, STS, IAM and Logs around it."""
