"""A tiny service to rehearse: a template with every part that is played, and a buildspec that needs only a shell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checkout.repositories import commit, git, make_repository
from tests.workspaces import Ended, Workspace

STORAGE = """\
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "tiny-${AWS::AccountId}-${AWS::Region}"
Outputs:
  BucketName: {Value: !Ref Bucket}
"""
SERVICE = """\
Parameters:
  ArtifactBucket: {Type: String}
  Minutes: {Type: Number, Default: 5}
Resources:
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: tiny
      PipelineType: V2
      ExecutionMode: QUEUED
      Variables:
        - {Name: REPOSITORY, DefaultValue: none}
      Stages:
        - Name: Source
          Actions:
            - Name: Source
              Namespace: Source
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeStarSourceConnection, Version: "1"}
              Configuration:
                FullRepositoryId: team/tiny
                BranchName: main
                OutputArtifactFormat: CODE_ZIP
              OutputArtifacts: [{Name: Source}]
            - Name: churn
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeStarSourceConnection, Version: "1"}
              Configuration: {FullRepositoryId: team/churn}
              OutputArtifacts: [{Name: churn}]
        - Name: Build
          Actions:
            - Name: Build
              Namespace: Build
              ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: "1"}
              Configuration:
                ProjectName: !Ref BuildProject
                EnvironmentVariables: >-
                  [{"name": "SMP_REPOSITORY", "value": "#{variables.REPOSITORY}"},
                  {"name": "COMMIT", "value": "#{Source.CommitId}"},
                  {"name": "ABOVE", "value": "start"}]
              InputArtifacts: [{Name: Source}]
              OutputArtifacts: [{Name: Build}]
        - Name: Approve
          BeforeEntry:
            Conditions:
              - Result: SKIP
                Rules:
                  - Name: Passed
                    RuleTypeId: {Category: Rule, Owner: AWS, Provider: VariableCheck, Version: "1"}
                    Configuration: {Variable: "#{Build.VERDICT}", Operator: EQ, Value: pass}
          Actions:
            - Name: Approve
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: "1"}
              TimeoutInMinutes: 60
              Configuration: {CustomData: "#{Build.SUMMARY}", ExternalEntityLink: "https://example.com/#{Build.VERDICT}"}
        - Name: Promote
          BeforeEntry:
            Conditions:
              - Result: SKIP
                Rules:
                  - Name: Passed
                    RuleTypeId: {Category: Rule, Owner: AWS, Provider: VariableCheck, Version: "1"}
                    Configuration: {Variable: "#{Build.VERDICT}", Operator: EQ, Value: pass}
          Actions:
            - Name: Promote
              ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: "1"}
              Configuration:
                ProjectName: !Ref PromoteProject
                EnvironmentVariables: '[{"name": "RUN", "value": "#{codepipeline.PipelineExecutionId}"}]'
              InputArtifacts: [{Name: Build}]
  BuildProject:
    Type: AWS::CodeBuild::Project
    Properties: &project
      Name: tiny-build
      TimeoutInMinutes: !Ref Minutes
      Source: {Type: CODEPIPELINE}
      Artifacts: {Type: CODEPIPELINE}
      Environment:
        Image: aws/codebuild/amazonlinux-x86_64-standard:5.0
        EnvironmentVariables:
          - {Name: STAGE, Value: build}
          - {Name: SMP_TARGET, Value: aws}
          - {Name: SMP_ARTIFACTS, Value: !Ref ArtifactBucket}
          - {Name: ABOVE, Value: project}
          - {Name: OWN, Value: project}
  PromoteProject:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: tiny-promote
      Source: {Type: CODEPIPELINE}
      Environment:
        EnvironmentVariables:
          - {Name: STAGE, Value: promote}
          - {Name: SMP_CODEPIPELINE, Value: tiny}
  WorkerProject:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: tiny-worker
      Source: {Type: GITHUB, Location: "https://github.com/team/tiny.git"}
      Environment:
        EnvironmentVariables:
          - {Name: STAGE, Value: watch}
  Rejected:
    Type: AWS::Events::Rule
    Properties:
      Name: tiny-rejected
      EventPattern:
        source: [aws.codepipeline]
        detail-type: [CodePipeline Action Execution State Change]
        detail:
          pipeline: [!Ref Pipeline]
          action: [Approve]
          state: [FAILED]
      Targets:
        - Id: worker
          Arn: !GetAtt WorkerProject.Arn
          InputTransformer:
            InputPathsMap: {execution: $.detail.execution-id}
            InputTemplate: >-
              {"environmentVariablesOverride": [{"name": "STAGE", "value": "reject", "type": "PLAINTEXT"},
              {"name": "RUN", "value": "<execution>", "type": "PLAINTEXT"}]}
"""
BUILDSPEC = """\
version: 0.2
env:
  shell: bash
  variables: {OWN: buildspec, LOW: buildspec}
  exported-variables: [VERDICT, SUMMARY]
phases:
  install:
    commands:
      - . ./install.sh
  build:
    commands:
      - . "./$STAGE.sh"
  post_build:
    commands:
      - if [ -f build/stage.env ]; then . build/stage.env; fi
artifacts:
  files: '**/*'
"""
BUILD = """\
mkdir -p build
env | sort >build/environment
git rev-parse --git-dir >build/git 2>&1
export | grep -c SECRET
echo "export VERDICT=pass SUMMARY='mae 0.5, better'" >build/stage.env
"""
WHO = """\
"$PY" -c "
import boto3, os
client = boto3.client('codepipeline')
pages = client.get_paginator('list_action_executions').paginate(
    pipelineName='tiny', filter={'pipelineExecutionId': os.environ['RUN']}, PaginationConfig={'PageSize': 1})
details = [one for page in pages for one in page['actionExecutionDetails'] if one['actionName'] == 'Approve']
one = details[0]
print(one['status'], one['updatedBy'].rsplit('/')[-1], one['output']['executionResult']['externalExecutionSummary'])
" | tee -a "$SMP_STATE.who"
"""


@dataclass(frozen=True)
class Tiny:
    """The tiny service in a workspace."""

    workspace: Workspace

    @property
    def root(self) -> Path:
        return self.workspace.root

    def arguments(self, *more: str) -> list[str]:
        import sys

        return [
            "rehearse",
            "--unchecked",
            "--rendered",
            str(self.root / "rendered"),
            "--env",
            f"PY={sys.executable}",
            *more,
        ]

    def rehearse(self, *more: str, **environment: str) -> Ended:
        return self.workspace.run(*self.arguments(*more), **environment)

    def write(self, name: str, text: str) -> None:
        """Commit a file."""
        (self.root / "repo" / name).write_text(text)
        commit(self.root / "repo", f"change {name}")

    def rendered(self, old: str, new: str) -> None:
        """Change the rendered template."""
        path = self.root / "rendered" / "service.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def make_tiny(root: Path) -> Tiny:
    """Make the tiny service: a repository, its manifest, and the rendered templates beside it."""
    repo = root / "repo"
    repo.mkdir(parents=True)
    files = {
        "model_repos.yaml": "version: 1\nrepos: [{url: remotes/churn}]\n",
        "buildspec.yml": BUILDSPEC,
        "install.sh": "true\n",
        "build.sh": BUILD,
        "promote.sh": WHO,
        "reject.sh": WHO,
        ".gitignore": ".pipeline_builder/\n",
    }
    for name, text in files.items():
        (repo / name).write_text(text)
    (repo / "install.sh").chmod(0o755)
    make_repository(repo)
    (root / "rendered").mkdir()
    (root / "rendered" / "storage.yaml").write_text(STORAGE)
    (root / "rendered" / "service.yaml").write_text(SERVICE.replace(" &project", ""))
    return Tiny(_InRepository(root))


class _InRepository(Workspace):
    """Commands are about the repository; folders that failed builds leave are the test's."""

    def environment(self, **more: str) -> dict[str, str]:
        (self.root / "tmp").mkdir(exist_ok=True)
        return super().environment(TMPDIR=str(self.root / "tmp"), **more)

    def command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        return super().command(name, "--manifest", str(self.root / "repo" / "model_repos.yaml"), *rest)


def statuses(result: Any) -> dict[str, str]:
    """Return the statuses of the stages of a rehearsal as JSON."""
    return {stage["name"]: stage["status"] for stage in result["stages"]}


def head(tiny: Tiny) -> str:
    """Return the commit that is checked out."""
    return git(tiny.root / "repo", "rev-parse", "HEAD")
