"""Searching in other languages than English, measured."""
