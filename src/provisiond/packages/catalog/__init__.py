"""Package repositories as the package API lists them: sources, cached indexes, icons, archives."""
