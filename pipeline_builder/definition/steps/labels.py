"""Labels that come later: a Monitor step reads them once they are there, and runs without them until then.

SageMaker refuses a job one of whose inputs has no object. So the address is a parameter, which each start sets to the
labels' own where anything is there, and to a file that says nothing where nothing is. Its default is what is known of
the address on every day, by which policy and roles know what is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.definition.names import parameter_name
from pipeline_builder.definition.steps.data import file_uri
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import with_parameters

VARIABLE = "SMP_NO_LABELS"
_NOTHING = b"no labels yet\n"


def labels_of(step: Step) -> tuple[JSON, ...]:
    """Return the addresses of a Monitor step's own labels."""
    if step.step_class != "Monitor":
        return ()
    from pipeline_builder.conf.monitoring import LABELS, MonitorSection

    if not isinstance(step.job, MonitorSection) or LABELS not in step.job.channels:
        return ()
    channel = step.job.channels[LABELS]
    return tuple(file_uri(channel, file) for file in channel.data_files)


def awaited(step: Step) -> tuple[JSON, ...]:
    """Return those of them that may come later: of one address can be told whether anything is there."""
    found = labels_of(step)
    return found if len(found) == 1 and with_parameters(found[0]) else ()


def labels_parameter(step: Step) -> str:
    """Return the parameter that carries where the labels are."""
    return parameter_name("Labels", step.name)


def label_parameters(graph: Graph) -> Iterator[tuple[str, str]]:
    """Yield each such parameter, and its default: the folder that the labels of all days are below."""
    for step in graph.steps:
        for uri in awaited(step):
            yield labels_parameter(step), (with_parameters(uri) or "").partition("${")[0].rpartition("/")[0] + "/"


def label_templates(graph: Graph) -> Mapping[str, str]:
    """Return the address behind each such parameter, with the parameters that it names as `${Parameters.<name>}`."""
    found = ((labels_parameter(step), with_parameters(uri)) for step in graph.steps for uri in awaited(step))
    return {name: text for name, text in found if text}


def nothing(base: str) -> tuple[str, bytes]:
    """Return address and content of the file that stands for labels that aren't there; its name is no label file's."""
    return f"{base}/code/{hashlib.sha256(_NOTHING).hexdigest()}/_none", _NOTHING
