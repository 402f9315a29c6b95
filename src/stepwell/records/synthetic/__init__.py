"""Synthetic people: a small living network of practices and a trust, written as FHIR R4, with the mess of real life.

Everything is made up: NHS numbers of the never-issued 999 range, ZZ99 postcodes, 07700 900xxx telephone numbers.
"""
