"""What a worker process has beside the application: its connections, its descriptors, and its master."""
