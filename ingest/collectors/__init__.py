"""Collectors: how deliveries of a source are received or fetched. Each acknowledges what it took only after the inlet
of its source has it on disk: at least once, and what comes twice is known by the ids of its events."""
