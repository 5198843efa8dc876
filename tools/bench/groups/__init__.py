"""What is measured, group by group: `minigrad bench --only NAME`. The table of them is in `run`."""
