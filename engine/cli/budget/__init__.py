"""What the actions of `engine budget` do: one module each."""
