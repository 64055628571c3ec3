"""The plugin host: manifests, loading, rendering, and problems that stay visible."""
