"""StatisticsGen: TFDV's statistics, without Beam's pass over every value."""
