"""The rendered service, played on one machine: CodePipeline and CodeBuild without an account."""
