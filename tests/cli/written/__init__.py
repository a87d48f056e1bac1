"""Everything that is written to be typed, typed.

``extract`` finds the commands of a page in their order, with the output that is shown; ``folders``
makes the folder that a page speaks of; ``test_pages`` runs the one in the other, in this process;
``test_installed`` runs the same in environments with the built wheel.
"""
