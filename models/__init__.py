"""What is true about an account: events, sequences, calendars, alerts. Pure, the bottom layer."""
