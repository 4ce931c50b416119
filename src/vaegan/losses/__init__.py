"""What a VAE/GAN minimises."""
