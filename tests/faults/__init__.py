"""A bad day: kills, full disks, damage, two runs at once. `make faults` runs these tests."""
