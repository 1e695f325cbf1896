"""What upstreams and clients do wrong, and how every call ends all the same."""
