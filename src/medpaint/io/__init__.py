"""Files to volumes and back; the only place that knows LPS from RAS."""
