"""What users keep beside conversations: files, presets, assistants."""
