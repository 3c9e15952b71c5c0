"""Pages as a person sees them, in headless Chromium."""
