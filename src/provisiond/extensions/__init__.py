"""Host extensions: source trees with a metadata file and commands that install and uninstall them."""
