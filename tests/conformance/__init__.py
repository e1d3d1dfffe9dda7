"""What SageMaker documents, feature by feature: each case is a definition that runs on the local engine."""
