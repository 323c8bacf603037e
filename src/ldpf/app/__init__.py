"""The page of `ldpf app`: answers (`session`, `gallery`), layout (`page`), actions (`events`)."""
