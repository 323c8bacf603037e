"""What predictions are worth: accuracy, calibration, intervals, and each prompt by itself."""
