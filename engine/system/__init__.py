"""Files that appear whole or not at all, processes that are forked and watched, locks in forks.

Any room that may do I/O enters; nothing here knows what a file or a process is for.
"""
