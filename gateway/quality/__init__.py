"""How well people decide, and how they fare: golden items, second looks, agreement, exposure and breaks."""
