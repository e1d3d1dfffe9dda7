"""The rendered service, played on one machine: CodePipeline and CodeBuild without an account.

In: rendered templates, a buildspec, variables. Out: a folder with every build's log and artifacts, and what came of it.
Begin reading: `rehearse.begin`, then `codepipeline` (stages and actions) and `codebuild` (one build).
"""
