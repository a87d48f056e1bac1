"""What ``engine budget`` does besides reserving: prices, invoices, history, forecast."""
