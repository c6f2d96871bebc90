"""Simulated users on Flickr8k: does a conversation find the picture?"""
