"""The AWS target: SageMaker pipelines, S3 objects and the model registry, through boto3."""
