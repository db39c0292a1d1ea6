"""Traffic to served versions by degrees: a gateway over model servers, and the policies by which it moves."""
