"""What programs ask under `/v1` beside completions: one model, embeddings, speech, recordings, pictures."""
