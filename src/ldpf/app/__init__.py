"""The page of `ldpf app`: what it knows (`session`, `gallery`), how it looks (`page`, `html`)."""
