"""The engines: what turns bars into orders, orders into fills, and fills into results."""
