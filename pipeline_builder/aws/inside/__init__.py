"""What runs on AWS alone, without this package: Python and boto3 are there, and what rendering puts into its file."""
