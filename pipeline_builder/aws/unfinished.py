"""What a person still has to do after a deployment: handshakes of connections, confirmations of e-mail addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.regions.partitions import console

_PENDING = "PendingConfirmation"


def find_unfinished(aws: Aws, *, connections: Iterable[str], topic: str) -> tuple[str, ...]:
    """Return a line for each thing that is left to do; what this process may not look at is said, and no failure."""
    return (*_connections(aws, connections), *_subscriptions(aws, topic))


def _connections(aws: Aws, arns: Iterable[str]) -> Iterator[str]:
    for arn in sorted(set(arns)):
        service = arn.split(":")[2]
        client = "codestar-connections" if service == "codestar-connections" else "codeconnections"
        try:
            found = aws.call(client, "get_connection", ConnectionArn=arn)["Connection"]
        except NotFoundError:
            yield f"the connection {arn} is not there: make it, or correct it in the manifest"
            continue
        except OutsideFailure as error:
            yield f"could not look at the connection {arn}: {error.problems[0].message}"
            continue
        status, name = found["ConnectionStatus"], found.get("ConnectionName", arn)
        region = arn.split(":")[3]
        page = _page(region)
        if status == "PENDING":
            yield f"the connection '{name}' is PENDING: finish the handshake at {page}"
        elif status != "AVAILABLE":
            yield f"the connection '{name}' is {status}: look at {page}"


def _page(region: str) -> str:
    """Return where a person finds connections: the page's address, in words where no console is known."""
    if address := console(region):
        return f"{address}/codesuite/settings/connections?region={region}"
    return f"the console of {region} (Developer Tools, Settings, Connections)"


def _subscriptions(aws: Aws, topic: str) -> Iterator[str]:
    if not topic:
        return
    try:
        pages = aws.pages("sns", "list_subscriptions_by_topic", TopicArn=topic)
        found = [item for page in pages for item in page["Subscriptions"]]
    except OutsideFailure as error:
        yield f"could not look at the subscriptions of {topic}: {error.problems[0].message}"
        return
    waiting = sorted(item["Endpoint"] for item in found if item["SubscriptionArn"] == _PENDING)
    if waiting:
        yield f"confirm the e-mail subscription (AWS has sent a link): {', '.join(waiting)}"
