"""provisionctl: the administrator's hands, on the REST API and nothing else. See docs/provisionctl.md."""
