"""Aastra 67xxi, 9143i and 9480i with firmware 3.3.1 SP2."""

from .common import AastraPlugin

PLUGIN = AastraPlugin
