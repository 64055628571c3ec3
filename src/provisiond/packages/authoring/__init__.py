"""The authors' tools: from plugin sources to a repository that servers install from."""
