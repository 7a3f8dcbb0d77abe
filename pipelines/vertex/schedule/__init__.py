"""Create schedules and check their cron lines."""
