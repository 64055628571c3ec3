"""SIP plug-and-play: phones ask a multicast group for their profile and are told where it is."""
