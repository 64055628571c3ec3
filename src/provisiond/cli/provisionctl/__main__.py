"""``python -m provisiond.cli.provisionctl``."""

from provisiond.cli.provisionctl.program import main

if __name__ == "__main__":
    main()
