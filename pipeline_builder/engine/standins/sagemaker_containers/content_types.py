"""MIME types."""

from __future__ import annotations

ANY = "*/*"
CSV = "text/csv"
JSON = "application/json"
NPY = "application/x-npy"
OCTET_STREAM = "application/octet-stream"
UTF8_TYPES = [JSON, CSV]
