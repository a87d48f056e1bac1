"""Files that appear whole or not at all, and processes that are forked and watched.

Any room that may do I/O enters; nothing here knows what a file or a process is for.
"""
