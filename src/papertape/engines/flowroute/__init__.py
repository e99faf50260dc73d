"""FlowRoute: approved orders on their way to a broker."""
