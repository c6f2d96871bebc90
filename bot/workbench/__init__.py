"""What the commands about models do, and how commands speak on a terminal."""
