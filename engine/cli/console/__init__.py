"""What verbs share of the process around them: shell, printing, screen, colours, interrupts.

Verbs enter; nothing here knows a verb. Standard output is the result, standard error narrates.
"""
