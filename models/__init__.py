"""What is learned and how: the preprocessing, the Keras model, its training, its search and its serving signatures."""
