"""What the services of AWS take at most, each written once: the manifest's sections and the checks of templates use it.

Values are those of botocore's models where these have them (`tests/manifest/test_quotas.py` compares), else of AWS's
pages.
"""

from __future__ import annotations

from typing import Literal

# CodePipeline: https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
MOST_TRIGGERS = 50
"""Of a pipeline, one for each source action."""
MOST_ACTIONS = 50
"""Of a stage, one after the other or side by side."""
MOST_PATTERNS, LONGEST_PATTERN = 8, 255
"""In each list of a trigger's filter."""
MOST_FILTERS = 3
"""Of a trigger, for each kind of event."""
MOST_VARIABLES, LONGEST_VARIABLE = 50, 1000
"""Of a pipeline, and characters of one's value."""
LONGEST_ACTION_VALUE, LONGEST_ACTION_KEY = 1000, 50
SHORTEST_APPROVAL, LONGEST_APPROVAL = 5, 86_400
"""Minutes that a manual approval waits."""
LONGEST_BUILD_ACTION = 480
"""Minutes of a CodeBuild action, of the list of time-outs that can't be changed; CodeBuild alone takes 2,160."""

# CodeBuild: its API, and https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
SHORTEST_BUILD, LONGEST_BUILD = 5, 2160
"""Minutes."""
AFTER_RUN = 30
"""Minutes that the build has after a run's end, to stop it, to judge it and to write the report."""
AFTER_WAIT = 240
"""Minutes that a wait is open longer than a run may take: a look may be an hour late, and a stop takes time."""
LONGEST_RUN = LONGEST_APPROVAL - AFTER_WAIT
"""Minutes, where no build waits for it."""
MOST_SUBNETS, MOST_SECURITY_GROUPS = 16, 5
MOST_ENVIRONMENT = 5500
"""Characters of all variables of a build, with their names."""

# Tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
MOST_TAGS, LONGEST_TAG_KEY, LONGEST_TAG_VALUE = 50, 128, 256

# CloudWatch Logs, PutRetentionPolicy.
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]

# EventBridge: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
MOST_TARGETS, LONGEST_EVENT_PATTERN = 5, 2048
"""Of a rule, and characters of its pattern as JSON; an account may have the second raised."""

# EventBridge Scheduler, RetryPolicy.
MOST_RETRIES, SHORTEST_AGE, LONGEST_AGE = 185, 60, 86_400

# CloudFormation: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_RESOURCES, MOST_OUTPUTS, MOST_PARAMETERS = 500, 200, 200
LARGEST_TEMPLATE = 1_000_000
"""Bytes of a template that comes from S3."""

# SQS, SNS and IAM have no limit that a manifest reaches before CloudFormation's; an address has these many characters.
LONGEST_EMAIL = 254
