"""The report: tables of a finished run turned into one HTML file, figures, tables and a methods paragraph.

Computes no statistic; what it shows was computed before it.
"""
