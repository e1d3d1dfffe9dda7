"""The AWS target: SageMaker pipelines, S3 objects and the model registry, through boto3.

In: what a stage asks of a target (the protocols of `target`). Out: the account's answers as the same frozen values.
May use: release, checkout, manifest, stacks, documents, dag, canonical, machine, target, descriptions, errors, regions,
durations, inert.
Begin reading: `connect.open_aws_target`, then `pipelines.SageMakerPipelines`; every call goes through `client.Aws`.
"""
