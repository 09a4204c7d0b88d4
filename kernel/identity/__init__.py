"""Who somebody is: people with passwords and sessions, programs with keys. What they may do says `kernel.access`."""
