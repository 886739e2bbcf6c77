"""What fills a mask: engines behind one contract, listed in one table."""
