"""Documents: YAML with the place of every value, and the way from there to typed values or problems.

In: text. Out: plain data with places, pydantic models, expressions, settings.
May use: dag, descriptions, errors.
Begin reading: `source.parse_yaml`, then `schema.read_section`, which turns pydantic's findings into problems.
"""
