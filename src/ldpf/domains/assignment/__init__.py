"""Where the latent domains of training images come from: clusters, or what is given."""
