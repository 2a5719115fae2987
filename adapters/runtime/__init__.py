"""What a process of ours runs with: settings, log, clock, and how it tells a person of trouble."""
