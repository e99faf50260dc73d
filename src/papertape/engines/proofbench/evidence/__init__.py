"""Evidence: what makes a result believable, beside the result itself."""
