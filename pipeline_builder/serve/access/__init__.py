"""Who asks: keys, the signatures that are made with them, and what is answered where one is not right.

In: a request, and the keys that there are. Out: whom it is of, or a refusal with AWS's words.
Begin reading: `access.Access`.
"""
