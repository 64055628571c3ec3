"""Asks an authentication service, of those that speak the token check of wazo-auth, about tokens and tenants."""
