"""Description: the service as one frozen value, before any text of it.

In: the manifest. Out: `ServiceModel`, with triggers and schedules as the services of AWS take them.
Begin reading: `model.build_model`; a new kind of trigger goes into `triggers`.
"""
