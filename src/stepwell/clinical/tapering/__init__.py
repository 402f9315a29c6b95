"""Reducing a medicine: from a present dose to the person's own end point, in products that exist, never abruptly.

Pure functions over whole numbers and the knowledge base; the interface is what this module names.
"""
