"""S3's calls on the engine's object store, by path: buckets, objects, uploads in parts.

Begin reading: `s3.answer_s3`, which finds the function for a request.
"""
