"""The service on AWS: its templates, what they give leave to, and checks of what was rendered."""
