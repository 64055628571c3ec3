"""What existing plugins import as ``wazo_provd`` or ``provd``: one set of modules under both names.

Nothing of the server imports this package; :mod:`provisiond.legacy.names` registers it in the child processes.
"""
