"""This machine: programs that are tried before they are trusted, files written whole, time limits, the collector.

May use: errors, inert.
Begin reading: `streams`, which moves bytes of any size through little memory.
"""
