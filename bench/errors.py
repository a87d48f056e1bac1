"""What stops a benchmark."""


class BenchError(Exception):
    """The run says nothing: a program is missing, failed, or did not answer the same."""
