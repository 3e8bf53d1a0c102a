"""Networks for images, and the images they are trained on."""
