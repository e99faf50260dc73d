"""The outside world, plugged in: each folder is one kind of thing that can be plugged."""
