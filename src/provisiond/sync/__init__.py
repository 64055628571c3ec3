"""Telling phones to fetch again: SIP NOTIFY, Asterisk's manager interface, requests to the phone itself."""
