"""STS and IAM: the two calls by which an SDK finds out whose account it is in and what a role's ARN is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from werkzeug.wrappers import Response

from pipeline_builder.serve.access.access import Caller
from pipeline_builder.serve.access.rights import denied
from pipeline_builder.serve.protocol import REQUEST_ID
from pipeline_builder.serve.s3.xml import Value, render_xml

STS = ("GetCallerIdentity",)
IAM = ("GetRole", "SimulatePrincipalPolicy")
_STS = "https://sts.amazonaws.com/doc/2011-06-15/"
_IAM = "https://iam.amazonaws.com/doc/2010-05-08/"


def answer_query(form: Mapping[str, str], caller: Caller) -> Response:
    """Answer a request of the query protocol, whose form says what is asked."""
    account, step = caller.account, caller.step
    match form.get("Action"):
        case "GetCallerIdentity" if step is not None:
            user = {"Arn": step.arn, "UserId": "AROALOCAL:SageMaker", "Account": account}
            return _result("GetCallerIdentity", user, _STS)
        case "GetCallerIdentity":
            user = {"Arn": f"arn:aws:iam::{account}:user/local", "UserId": "AIDALOCAL", "Account": account}
            return _result("GetCallerIdentity", user, _STS)
        case "GetRole" if step is not None and form.get("RoleName") != step.role:
            role = f"arn:aws:iam::{account}:role/{form.get('RoleName')}"
            return error_response("AccessDenied", denied(step.arn, "iam:GetRole", role), 403)
        case "GetRole" if form.get("RoleName"):
            return _result("GetRole", {"Role": _role(form["RoleName"], caller.account)}, _IAM)
        case "SimulatePrincipalPolicy":
            who = step.arn if step else f"arn:aws:iam::{account}:user/local"
            about = form.get("PolicySourceArn") or "*"
            return error_response("AccessDenied", denied(who, "iam:SimulatePrincipalPolicy", about), 403)
        case other:
            return error_response("InvalidAction", f"'{other}' is not served by the local engine")


def _role(name: str, account: str) -> dict[str, Value]:
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": "AROALOCAL",
        "Arn": f"arn:aws:iam::{account}:role/{name}",
        "CreateDate": "2020-01-01T00:00:00Z",
    }


def _result(action: str, result: Mapping[str, Value], namespace: str) -> Response:
    number = secrets.token_hex(16)
    content: Mapping[str, Value] = {f"{action}Result": result, "ResponseMetadata": {"RequestId": number}}
    body = render_xml(f"{action}Response", content, namespace)
    return Response(body, content_type="text/xml", headers={REQUEST_ID: number})


def error_response(code: str, message: str, status: int = 400) -> Response:
    """Return an error as the query protocol has it."""
    number = secrets.token_hex(16)
    content: Mapping[str, Value] = {
        "Error": {"Type": "Sender", "Code": code, "Message": message},
        "RequestId": number,
    }
    body = render_xml("ErrorResponse", content, _STS)
    return Response(body, status=status, content_type="text/xml", headers={REQUEST_ID: number})
