"""Goes between callers and TensorFlow Serving: components in, the value of a house in 100,000 USD out."""

import json


def input_handler(data, context):
    """Return a request's rows as TensorFlow Serving takes them: CSV without a header, or JSON with a list of rows."""
    text = data.read().decode("utf-8")
    kind = context.request_content_type or ""
    if kind.startswith("text/csv"):
        rows = [[float(value) for value in line.split(",")] for line in text.splitlines() if line.strip()]
    elif kind.startswith("application/json"):
        content = json.loads(text)
        rows = content["instances"] if isinstance(content, dict) else content
    else:
        raise ValueError(f"the content type '{kind}' is not supported, expected text/csv or application/json")
    return json.dumps({"instances": rows})


def output_handler(response, context):
    """Return the values, one a line, or as JSON."""
    if response.status_code != 200:
        raise ValueError(response.content.decode("utf-8"))
    values = [round(float(row[0]), 4) for row in response.json()["predictions"]]
    accept = context.accept_header or ""
    if accept.startswith("application/json"):
        return json.dumps({"predictions": values}), "application/json"
    return "\n".join(str(value) for value in values), "text/csv"
