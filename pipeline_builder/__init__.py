"""GitOps CI/CD for Amazon SageMaker: many model repositories, one SageMaker Pipelines DAG."""

__version__ = "0.1.0"
