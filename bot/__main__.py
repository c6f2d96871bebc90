"""`python -m bot` is the showtell command."""

from bot.commands.main import main

if __name__ == "__main__":
    main()
