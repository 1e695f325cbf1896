"""What a gateway costs: this project beside nginx, no gateway at all, and others of its kind."""
