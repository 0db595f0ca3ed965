"""Bounds on what a provider may send; generous for any true answer, and deadly to an endless one."""

KIB = 1024
MIB = 1024 * KIB

# A line of an event stream, and the data of one event. Google's hold whole paragraphs, an inline picture some MiB.
MAX_LINE_BYTES = 8 * MIB
MAX_EVENT_BYTES = 8 * MIB
# One stream in all, and the text taken from it: MongoDB keeps no document of more than 16 MiB.
MAX_STREAM_BYTES = 128 * MIB
MAX_TEXT_CHARS = 2_000_000
# How often a stream may go over from text to reasoning and back: each time a part of the answer begins, which takes
# a hundred times the room of a letter. Models that think between their words do so some dozen times.
MAX_PARTS = 1_000
# An answer that is no stream, and of an error only what may tell its kind.
MAX_ANSWER_BYTES = 4 * MIB
MAX_ERROR_BYTES = 16 * KIB
# What is asked beside chats. 2,048 vectors of 3,072 numbers in base64 are 33 MiB; in figures a number takes up to 25
# bytes, and then several times that in memory.
MAX_EMBEDDINGS_BYTES = 40 * MIB
MAX_EMBEDDED_NUMBERS = 4 * 1024 * 1024
MAX_DIMENSIONS = 65_536
# An hour of subtitles with times for each word, ten large pictures, a quarter of an hour of sound that is not packed.
MAX_TRANSCRIPT_BYTES = 8 * MIB
MAX_PICTURES_BYTES = 64 * MIB
MAX_SOUND_BYTES = 64 * MIB
# In base64.
MAX_SPOKEN_CHARS = 86 * MIB
ERROR_SECONDS = 2.0
# What may still come after the reason for which the model ended: the usage, and the end itself.
ENDING_SECONDS = 5.0
DRAIN_SECONDS = 0.25

# The longest that a request waits before it is tried again; a longer `Retry-After` is passed on instead.
MAX_PAUSE_SECONDS = 5.0
DEFAULT_RETRY_AFTER = 60
MAX_RETRY_AFTER = 3600

MODELS_SECONDS = 300.0
MODELS_FAILED_SECONDS = 30.0
MAX_MODELS = 2000
MAX_MODEL_NAME = 256
MAX_REMEMBERED = 256
