"""What people look at: charts as pictures and as pages for a browser."""
