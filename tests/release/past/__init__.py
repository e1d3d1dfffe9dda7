"""The past: kept records, their index, and what came since a champion."""
