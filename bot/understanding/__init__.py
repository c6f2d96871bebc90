"""From what somebody wrote to what it means."""
