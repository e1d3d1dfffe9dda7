"""Rendering: the description as CloudFormation templates that people read before they deploy them.

Begin reading: `rendering.render_templates`; the texts are in `templates/`, `quoting` keeps a text a text.
"""
