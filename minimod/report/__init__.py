"""What people look at. Figures and pages draw what was computed before; they count and average, and no more."""
