"""StatisticsGen in this process: TFDV's own generators fed with Arrow, without Beam where one machine is enough."""
