"""Floor 1: the canonical model. It knows no protocol, no provider and no I/O."""
