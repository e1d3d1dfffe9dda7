"""Access: the roles of the service, each with exactly what its part of the work calls and touches.

In: facts about the definition and the service. Out: roles with statements, within IAM's limits.
Begin reading: `roles.build_access`; what a build may do is in `builds`, what SageMaker's jobs may do in `jobs`.
"""
