"""The CloudFormation side: from manifest and definition to the templates of the service, and back to what they say.

- `access/`: what each role may do, out of the definition
- `description/`: what is made: the model that templates are rendered from, with triggers and schedules
- `rendering/`: the model as text
- `evaluation/`: a text read back: its references, conditions and functions worked out
- `checks/`: what is wrong in it where CloudFormation and its linters see nothing
"""
