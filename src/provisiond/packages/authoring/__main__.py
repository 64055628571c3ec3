"""``python -m provisiond.packages.authoring``: the authors' tools that need no plugin host."""

from provisiond.packages.authoring.tool import tool

main = tool()

if __name__ == "__main__":
    main(prog_name="plugin")
