"""The shapes of AWS's APIs, as botocore's data has them, and shapes of our own that are like them.

In: a value, the name of its shape. Out: every `Fault` in which they differ, or what a property path leads to.
Begin reading: `shapes.Shapes`; `services.load_sagemaker` reads SageMaker's.
"""
