"""Chats: what a model is asked, the run that takes its answer, and the events that clients follow it by."""
