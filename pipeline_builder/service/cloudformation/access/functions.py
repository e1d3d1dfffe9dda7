"""Access of the functions that the service makes for handlers: their log, their code, and what the policy lets them."""

from __future__ import annotations

from pipeline_builder.definition.made import Grant, MadeFunction
from pipeline_builder.definition.names import logical_id
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.looks import network_of_function
from pipeline_builder.service.cloudformation.access.resources import bucket_of, key_use, objects_at
from pipeline_builder.service.cloudformation.access.statements import Role, Statement, arn


def function_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the role of each function; none is shared, so that one handler never has what another was given."""
    return tuple(_role(facts, function) for function in facts.functions)


def role_id(function: MadeFunction, service: str) -> str:
    """Return what the names of a function's resources begin with in the template."""
    return logical_id("Call", function.name.removeprefix(f"{service}-"))


def _role(facts: Facts, function: MadeFunction) -> Role:
    group = f"log-group:/aws/lambda/{function.name}"
    code = Location("", (f"{facts.definition.base}/code/", ""))
    statements = (
        Statement(
            sid="Logs",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(arn("logs", group), arn("logs", f"{group}:*")),
        ),
        Statement(
            sid="Code",
            actions=("s3:GetObject",),
            resources=objects_at(facts, [code]),
            why="the handler's code, which each call names by its content",
        ),
        Statement(
            sid="CodeNames",
            actions=("s3:ListBucket",),
            resources=(bucket_of(facts, code),),
            why="without it S3 says of what isn't there that access is denied",
        ),
        *(_granted(number, grant) for number, grant in enumerate(function.grants, 1)),
        *network_of_function(facts.subnets, facts.security_groups),
        *key_use(facts, "s3"),
    )
    return Role(
        name=function.name.removeprefix(f"{facts.service.name}-"),
        id=role_id(function, facts.service.name),
        trust="lambda.amazonaws.com",
        statements=statements,
        description=f"Function: runs a handler of the repository {function.repository}",
    )


def _granted(number: int, grant: Grant) -> Statement:
    actions, resources = grant
    why = "as the conf asks for, and the manifest's policy allows"
    return Statement(sid=f"Own{number}", actions=actions, resources=tuple(map(_plain, resources)), why=why)


def _plain(resource: str) -> str:
    """Return an ARN for Fn::Sub, in which only its own names are to be filled in; wildcards stay."""
    return resource.replace("${", "${!")
