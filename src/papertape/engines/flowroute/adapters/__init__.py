"""Brokers behind the Broker protocol; one file each."""
