"""What a DHCP server has to tell phones, written for the servers that people run."""
