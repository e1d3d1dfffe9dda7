"""The rendered service, played on one machine: CodePipeline, CodeBuild and Step Functions without an account.

In: rendered templates, a buildspec, variables. Out: a folder with every build's log and artifacts, and what came of it.
Begin reading: `rehearse.begin`, then `codepipeline` (stages and actions), `codebuild` (one build) and `opened` (an
approval); what is played beside the pipeline is put together in `beside`, and is in `waiting/`.
"""
