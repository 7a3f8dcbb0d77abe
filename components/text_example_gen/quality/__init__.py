"""Leave out documents of low quality, and count them."""
