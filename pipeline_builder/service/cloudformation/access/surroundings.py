"""Access to what builds are surrounded by: secrets and parameters in their variables, the package index."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.resources import secret_arn
from pipeline_builder.service.cloudformation.access.statements import ACCOUNT, REGION, Statement, arn, literal


def variables_use(facts: Facts) -> tuple[Statement, ...]:
    """Return what a build takes whose variables are kept elsewhere; CodeBuild reads them with the project's role."""
    found = facts.service.environment.values()
    secrets = tuple(sorted({secret_arn(one.secret) for one in found if one.secret}))
    parameters = tuple(sorted({arn("ssm", f"parameter/{literal(one.parameter)}") for one in found if one.parameter}))
    why = "variables of builds ('environment')"
    read = Statement(sid="VariableSecrets", actions=("secretsmanager:GetSecretValue",), resources=secrets, why=why)
    ask = Statement(sid="VariableParameters", actions=("ssm:GetParameters",), resources=parameters, why=why)
    return tuple(one for one in (read, ask) if one.resources)


def index_use(facts: Facts) -> tuple[Statement, ...]:
    """Return what installing packages from CodeArtifact takes."""
    return tuple(_index(facts))


def _index(facts: Facts) -> Iterator[Statement]:
    index = facts.service.codeartifact
    if index is None:
        return
    owner, region = index.owner or ACCOUNT, index.region or REGION
    domain = arn("codeartifact", f"domain/{index.domain}", region=region, account=owner)
    repository = arn("codeartifact", f"repository/{index.domain}/{index.repository}", region=region, account=owner)
    yield from read_indexes((domain,), (repository,))


def read_indexes(domains: tuple[str, ...], repositories: tuple[str, ...], why: str = "") -> Iterator[Statement]:
    """Yield what it takes to install packages from these repositories of CodeArtifact, which are in these domains."""
    yield Statement(sid="IndexToken", actions=("codeartifact:GetAuthorizationToken",), resources=domains, why=why)
    yield Statement(
        sid="Index",
        actions=("codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"),
        resources=repositories,
    )
    yield Statement(
        sid="IndexBearer",
        actions=("sts:GetServiceBearerToken",),
        resources=("*",),
        conditions={"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}},
        why="CodeArtifact's token is one of STS, whose action takes no resource",
    )
