"""What cosines are worth: chances of being relevant, fitted on the library, and whether they come true."""
