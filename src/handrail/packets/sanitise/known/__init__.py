"""Enumerations that survive whole: published lists of names, each with its source. Data only.

A value of one of these lists is shown as it was sent, and the scan counts it as our own word wherever it stands. A
change here is a new ``RULES`` version in ``sanitise``.
"""
