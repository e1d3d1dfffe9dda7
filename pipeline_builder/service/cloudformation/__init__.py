"""The CloudFormation side: from manifest and definition to the templates of the service on AWS."""
