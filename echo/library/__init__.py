"""What users keep beside conversations: the parts behind the operations on files, presets and assistants."""
