"""What is printed: progress, text within the terminal's width, signs that it can show, commands to copy."""
