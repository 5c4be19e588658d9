"""What a run came to: markouts, equity, inventory, execution, and the page that shows them."""
