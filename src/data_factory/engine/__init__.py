"""What happens next, as pure functions of (state, event, now): no clock, no random, no I/O."""
