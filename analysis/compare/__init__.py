"""Two runs compared: matched, reduced to quiet times, set against each other, told. No torch here."""
