"""What runs on AWS alone, without this package: nothing but Python and boto3 is there."""
