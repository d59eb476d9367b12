"""Arrays in, numbers out: metrics, tasks, bootstrap, decision."""
