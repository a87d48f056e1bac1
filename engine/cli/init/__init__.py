"""``engine init``: set up a folder.

``verb`` reads the call and says what is left to do, ``questions`` asks what no flag says,
``profile`` fits limits to a metrics file, and ``files`` writes all of it or nothing.
"""
