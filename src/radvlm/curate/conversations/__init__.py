"""Conversations about one view, written from what its study says (RadVLM paper, §3.1.4)."""
