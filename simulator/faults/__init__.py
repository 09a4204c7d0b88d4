"""What goes wrong in the simulated retailer: kinds, scenarios, and the truth about what they did."""
