"""The engine that learns from similar places in the same scan."""
