"""``python -m provisiond.packages.authoring``: the authors' tools that need no plugin host."""

from provisiond.packages.authoring.commands import main

if __name__ == "__main__":
    main()
