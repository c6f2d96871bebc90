"""Rasa components of Showtell."""
