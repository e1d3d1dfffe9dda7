"""Scenarios: what is done in the account to find answers, each with its price, its needs and what it answers.

In: the ground. Out: what was seen, point by point. Begin reading: `catalogue`.
"""
