"""This machine: programs that are tried before they are trusted, files that are written whole, time limits.

May use: errors.
Begin reading: `streams`, which moves bytes of any size through little memory.
"""
