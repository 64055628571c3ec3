"""Firmware packages: what ``pkgs/`` defines, downloaded, unpacked and put where phones read it."""
