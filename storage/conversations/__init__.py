"""Conversations and their messages: reading, posting, answers of models, forks, import and export."""
