"""What is true about an account: events, sequences, calendars, alerts. Pure; imports nothing of ours."""
