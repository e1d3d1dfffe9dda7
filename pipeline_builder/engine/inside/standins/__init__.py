"""What a server program's processes find that AWS's images have and most machines lack; read by Python at its start.

In: nothing but their environment. Out: packages that are imported where they aren't installed. May use: the standard
library, `serving`. Begin reading: `sitecustomize`, then `serving/packages`.
"""
