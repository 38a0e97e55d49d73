"""Recipes that make the weights this package ships; they run by hand, never in the gateway."""
