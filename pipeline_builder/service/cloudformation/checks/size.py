"""How much one template may have: CloudFormation says it only when the stack is made."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import LARGEST_TEMPLATE, MOST_OUTPUTS, MOST_PARAMETERS, MOST_RESOURCES
from pipeline_builder.service.cloudformation.checks.view import Service

SIZE = "PB759"


def check_size(service: Service) -> Iterator[Problem]:
    """Check every template's counts and size."""
    for template in service.templates:
        bytes_ = len(template.document.source.text.encode("utf-8", "surrogatepass"))
        counts = {
            "resources": (len(template.resources), MOST_RESOURCES),
            "parameters": (len(template.section("Parameters")), MOST_PARAMETERS),
            "outputs": (len(template.section("Outputs")), MOST_OUTPUTS),
            "bytes": (bytes_, LARGEST_TEMPLATE),
        }
        for what, (found, most) in counts.items():
            if found > most:
                message = f"the template has {found} {what}, CloudFormation takes {most}"
                hint = "each webhook, CodeCommit rule, schedule, mail and role is one or two: make two services of it"
                yield Problem(id=SIZE, message=message, place=template.place(("Resources",), key=True), hint=hint)
