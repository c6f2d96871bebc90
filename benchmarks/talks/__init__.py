"""Scripted talks against a real server: is the search what was said?"""
