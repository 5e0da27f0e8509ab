"""Training: contrastive losses over every pair of modalities, and the one loop that uses them."""
